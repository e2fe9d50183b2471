"""One triplet learned by heart: losses, gradients and evaluation belong together."""

import pytest
import torch

from vantage3d.deltas.models import DELTAS
from vantage3d.synthetic.rooms.filming import Job, film, sensor_intrinsics

SIZE = (64, 96)
STEPS = 150


def triplet() -> dict:
    """A batch of one room, three views 40 frames apart."""
    _, views = film(Job(3, (40, 0, 80), (SIZE[1], SIZE[0])))
    views = list(views)
    images = torch.stack([torch.from_numpy(v.frame.color) for v in views])
    K = torch.from_numpy(sensor_intrinsics((SIZE[1], SIZE[0]))).float()
    poses = torch.stack([torch.from_numpy(v.cam2world) for v in views]).float()
    depth = torch.stack([torch.from_numpy(v.frame.depth) for v in views])
    return {
        "images": images.permute(0, 3, 1, 2)[None].float() / 255,
        "K": K.repeat(1, 3, 1, 1),
        "cam2world": poses[None],
        "depth": depth[None],
    }


@pytest.mark.slow
def test_one_triplet_is_learned_by_heart():
    torch.manual_seed(0)
    batch = triplet()
    model = DELTAS(
        width=8,
        blocks=(1, 1, 1, 1),
        descriptor_dim=32,
        out_length=48,
        keypoints=dict(num_kps=64, nms_radius=4),
        criterion=dict(
            type="DeltasLoss",
            interest=dict(teacher=dict(type="CornerTeacher")),
            matches={}, points={}, smoothness={},
        ),
    )  # fmt: skip
    hot = list(model.trinet.parameters())
    rest = [*model.supernet.parameters(), *model.depthnet.parameters()]
    groups = [{"params": rest}, {"params": hot, "lr": 0.1}]
    optimizer = torch.optim.Adam(groups, lr=5e-3)
    model.train()
    for step in range(STEPS):
        losses = model(batch, mode="loss")
        total = sum(value for name, value in losses.items() if "loss" in name)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        if step % 40 == 39:
            for group in optimizer.param_groups:
                group["lr"] *= 0.7
    model.eval()
    with torch.no_grad():
        (prediction,) = model(batch, mode="predict")
    truth = batch["depth"][0, 0]
    abs_rel = ((prediction["pred_depth"] - truth).abs() / truth).mean()
    assert float(abs_rel) < 0.06
