"""ESAM online on streams, as the released ESAM-E ran in its demonstration.

The norm of the merge head is that of layers, and of a frame what scores 0.3 counts.
There is nothing to train or test: weights are those of ESAM-E, the source is yours.

    python tools/run_stream.py SOURCE --weights CHECKPOINT --out OUT \
        --config configs/ESAM_online/ESAM_online_stream.py
    python tools/test.py configs/ESAM_online/ESAM_online_stream.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet200_mv.py",
    "../_base_/evaluation/scenes.py",
    "../_base_/models/esam_online.py",
]

model = dict(merge_head=dict(norm="layer"), test_cfg=dict(inst_score_thr=0.3))
train_dataloader = None
val_dataloader = None
val_evaluator = None
test_cfg = dict()
