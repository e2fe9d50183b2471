"""ESAM on streams: the single-view detector with memory, merging and boxes (46.8 M)."""

_base_ = "./esam_sv.py"

model = dict(
    type="ScanNet200MixFormer3D_Online",
    memory=dict(type="MultilevelMemory", in_channels=[32, 64, 128, 256], scale=2.5),
    merge_head=dict(
        type="MergeHead", in_channels=256, out_channels=256, d_hidden=512, norm="batch"
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
    test_cfg=dict(topk_insts=20, inst_score_thr=0.25),
)
