"""ESAM online, class-aware, ScanNet: stage 2, after ESAM/ESAM_sv_scannet.py.

Reported: AP 41.6, AP50 60.1, AP25 75.6 with superpoints of FastSAM.

    python tools/train.py configs/ESAM_online/ESAM_online_scannet.py
    python tools/test.py configs/ESAM_online/ESAM_online_scannet.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet_mv.py",
    "../_base_/evaluation/scenes.py",
    "../_base_/models/esam_online.py",
    "../_base_/schedules/esam_128e.py",
]

model = dict(
    num_classes=18,
    merge_head=dict(norm="layer"),
    decoder=dict(num_instance_classes=18, num_semantic_classes=20),
    criterion=dict(
        num_semantic_classes=20,
        sem_criterion=dict(ignore_index=20),
        inst_criterion=dict(num_classes=18),
    ),
    test_cfg=dict(inst_score_thr=0.3),
)
val_evaluator = dict(class_agnostic=False)
test_evaluator = dict(class_agnostic=False)
auto_scale_lr = dict(base_batch_size=4)
load_from = "work_dirs/ESAM_sv_scannet/epoch_128.pth"
load_from_policy = dict(allow_missing=[r"^memory\.", r"^merge_head\.", r"out_reg\."])
