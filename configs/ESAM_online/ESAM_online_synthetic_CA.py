"""ESAM online on tours of synthetic rooms (`make demo-online`), after `make demo`.

python tools/train.py configs/ESAM_online/ESAM_online_synthetic_CA.py
python tools/test.py configs/ESAM_online/ESAM_online_synthetic_CA.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/small_rgbd_mv.py",
    "../_base_/evaluation/scenes.py",
    "../_base_/models/esam_sv_narrow.py",
    "../_base_/schedules/esam_online_minutes.py",
]

model = dict(
    type="ScanNet200MixFormer3D_Online",
    memory=dict(type="MultilevelMemory", in_channels=[24, 32, 48, 64], scale=2.5),
    merge_head=dict(
        type="MergeHead", in_channels=96, out_channels=96, d_hidden=192, norm="layer"
    ),
    merge_criterion=dict(
        type="ScanNetMergeCriterion_Fast", tmp_weight=2.0, temperature=0.07
    ),
    decoder=dict(bbox_flag=True),
    criterion=dict(
        inst_criterion=dict(
            bbox_loss=dict(_delete_=True, type="AxisAlignedIoULoss"),
            loss_weight=[0.5, 1.0, 1.0, 0.5, 0.5],
        ),
    ),
)
val_dataloader = val_evaluator = None
test_evaluator = dict(protocol="nearest")  # there are no meshes
default_hooks = dict(checkpoint=dict(save_best=None))
# The statistics of one frame are not those of the data.
custom_hooks = [dict(type="FreezeNormsHook", begin=0, modules=["backbone.*"])]
load_from = "work_dirs/demo/epoch_12.pth"
load_from_policy = dict(allow_missing=[r"^memory\.", r"^merge_head\.", r"out_reg\."])
