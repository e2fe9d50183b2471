"""The network of points, trained on for as long as those with image features.

Fine-tuned from the trained ESAM_sv_scannet200_CA.py by the schedule of the configs with
features: the row that these are compared with (docs/fusion_comparison.md).

python tools/train.py configs/ESAM_CA/ESAM_sv_scannet200_CA_finetune.py
python tools/test.py configs/ESAM_CA/ESAM_sv_scannet200_CA_finetune.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet200_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_sv.py",
    "../_base_/schedules/esam_finetune_80e.py",
]

load_from = "work_dirs/ESAM_sv_scannet200_CA/epoch_128.pth"
