"""ESAM online, class-agnostic, zero-shot from ScanNet200 to 3RScan.

Published: AP 14.1, AP50 31.2, AP25 59.6, with superpoints of SAM.

    python tools/test.py configs/ESAM_online/ESAM_online_3rscan_CA_test.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/zero_shot_mv.py",
    "../_base_/evaluation/scenes.py",
    "../_base_/models/esam_online.py",
]

# The released weights for tests on other data have layer norms in the merge head.
model = dict(merge_head=dict(norm="layer"), test_cfg=dict(inst_score_thr=0.3))
test_dataloader = dict(
    dataset=dict(
        data_root="data/3RScan-mv/",
        ann_file="3rscan_mv_oneformer3d_infos_val.json",
    ),
)
val_evaluator = None
test_cfg = dict()
