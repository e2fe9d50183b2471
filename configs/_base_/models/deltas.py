"""DELTAS at its published size, 124.6 M parameters, with its five losses.

512 keypoints, half of them the detector's; weights of the losses 0.1, 1, 2, 1 and
2 * 0.7^i over the four scales of depth. The teacher of the interest points is
SuperPoint with weights of your own (noncommercial; docs/deltas.md says where from).
Without them set
`model.criterion.interest.teacher=dict(type="CornerTeacher")`: corners, no distillation.
"""

model = dict(
    type="DELTAS",
    keypoints=dict(num_kps=512, frac_superpoint=0.5),
    search_range=(0.5, 10.0),
    criterion=dict(
        type="DeltasLoss",
        limits=(0.5, 10.0),
        interest=dict(
            weight=0.1,
            teacher=dict(
                type="SuperPointTeacher",
                weights="work_dirs/pretrained/superpoint_v1.pth",
                threshold=0.0005,
            ),
        ),
        matches=dict(weight=1.0),
        points=dict(weight=2.0),
        smoothness=dict(weight=1.0),
        depth=dict(weights=(2.0, 1.4, 0.98, 0.686)),
    ),
)
