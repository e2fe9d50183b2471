"""What `esam_sv_narrow.py` lacks of an online model: `model = dict(**_base_.online)`.

It has no `model` of its own, since bases are at most two levels deep.
"""

online = dict(
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
