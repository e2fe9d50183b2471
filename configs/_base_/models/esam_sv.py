"""ESAM single view: sparse U-Net, superpoint pooling, mask decoder (41.5 M)."""

model = dict(
    type="ScanNet200MixFormer3D",
    voxel_size=0.02,
    num_classes=1,
    query_thr=0.5,
    data_preprocessor=dict(type="Det3DDataPreprocessor_"),
    backbone=dict(
        type="Res16UNet34C",
        in_channels=3,
        out_channels=96,
        config=dict(conv1_kernel_size=5, bn_momentum=0.02),
        backend="torch",
    ),
    pool=dict(type="GeoAwarePooling", channel_proj=96),
    decoder=dict(
        type="ScanNetMixQueryDecoder",
        num_layers=3,
        cross_attn_mode=["", "SP", "SP", "SP"],
        mask_pred_mode=["SP", "SP", "P", "P"],
        num_instance_classes=1,
        num_semantic_classes=200,
        in_channels=96,
        d_model=256,
        num_heads=8,
        hidden_dim=1024,
        dropout=0.0,
        activation_fn="gelu",
        objectness_flag=False,
        bbox_flag=False,
    ),
    criterion=dict(
        type="ScanNetMixedCriterion",
        num_semantic_classes=200,
        sem_criterion=dict(
            type="ScanNetSemanticCriterion", ignore_index=200, loss_weight=0.5
        ),
        inst_criterion=dict(
            type="MixedInstanceCriterion",
            matcher=dict(
                type="SparseMatcher",
                costs=[
                    dict(type="QueryClassificationCost", weight=0.5),
                    dict(type="MaskBCECost", weight=1.0),
                    dict(type="MaskDiceCost", weight=1.0),
                ],
                topk=1,
            ),
            bbox_loss=None,
            loss_weight=[0.5, 1.0, 1.0, 0.5],
            num_classes=1,
            non_object_weight=0.1,
        ),
    ),
    test_cfg=dict(
        topk_insts=100,
        inst_score_thr=0.0,
        npoint_thr=100,
        obj_normalization=True,
        sp_score_thr=0.4,
        nms=True,
        matrix_nms_kernel="linear",
    ),
)
