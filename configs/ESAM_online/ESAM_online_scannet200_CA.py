"""ESAM online, class-agnostic, ScanNet200: stage 2, after ESAM_sv_scannet200_CA.py.

All weights train, as released; norms of the merge head are those of batches. Reported:
AP 42.2, AP50 63.7, AP25 79.6 with superpoints of SAM.

    python tools/train.py configs/ESAM_online/ESAM_online_scannet200_CA.py
    python tools/test.py configs/ESAM_online/ESAM_online_scannet200_CA.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet200_mv.py",
    "../_base_/evaluation/scenes.py",
    "../_base_/models/esam_online.py",
    "../_base_/schedules/esam_128e.py",
]

auto_scale_lr = dict(base_batch_size=4)
load_from = "work_dirs/ESAM_sv_scannet200_CA/epoch_128.pth"
load_from_policy = dict(allow_missing=[r"^memory\.", r"^merge_head\.", r"out_reg\."])
