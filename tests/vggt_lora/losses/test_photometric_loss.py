"""A textured plane behind a board: two cameras, exact depth, exact images."""

import pytest
import torch
from torch import Tensor

from vantage3d.evaluation.photometric import structural_similarity
from vantage3d.geometry import invert_rigid
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.losses.photometric_loss import (
    PhotometricLoss,
    Views,
    _blur,
    reproject,
)

HEIGHT, WIDTH, FOCAL = 48, 96, 60.0
WALL, BOARD, BASELINE = 4.0, 2.0, 0.4
BOARD_SPAN = (-0.2, 0.3)  # of world x


def views(steps: int = 3) -> Views:
    """(1, S, ...) cameras that move along x in front of a wall and a board."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    rays = torch.stack([x - (WIDTH - 1) / 2, y - (HEIGHT - 1) / 2], -1) / FOCAL
    frames = [_frame(rays, BASELINE * step) for step in range(steps)]
    depths, images = (torch.stack(parts)[None] for parts in zip(*frames))
    K = torch.eye(3).repeat(1, steps, 1, 1)
    K[..., 0, 0] = K[..., 1, 1] = FOCAL
    K[..., 0, 2], K[..., 1, 2] = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    world2cam = torch.eye(4).repeat(1, steps, 1, 1)
    world2cam[0, :, 0, 3] = -BASELINE * torch.arange(steps)
    return Views(depths, images, K, world2cam)


def _frame(rays: Tensor, camera_x: float) -> tuple[Tensor, Tensor]:
    on_board = camera_x + BOARD * rays[..., 0]
    board = (on_board > BOARD_SPAN[0]) & (on_board < BOARD_SPAN[1])
    depth = torch.where(board, BOARD, WALL)
    world = torch.stack([camera_x + depth * rays[..., 0], depth * rays[..., 1]])
    waves = [(3.0, 1.0, 0.0), (2.0, -2.5, 1.0), (-1.0, 3.0, 2.0)]
    phases = [a * world[0] + b * world[1] + c + 5 * board for a, b, c in waves]
    return depth, torch.stack([torch.sin(phase) / 2 + 0.5 for phase in phases])


def loss_of(depth_factor: float | Tensor, **options) -> Tensor:
    scene = views()
    weights = torch.ones_like(scene.depth)
    scene = scene._replace(depth=scene.depth * depth_factor)
    return PhotometricLoss(**options)(scene, weights)


def test_true_depth_explains_the_images():
    plain = dict(ssim=0.0)
    assert loss_of(1.0, **plain) < 2e-3
    assert loss_of(1.0) < 5e-3


def test_the_loss_points_to_the_true_depth():
    for factor, sign in ((0.93, -1), (1.07, 1)):
        scale = torch.tensor(factor, requires_grad=True)
        loss = loss_of(scale)
        loss.backward()
        assert loss > 10 * loss_of(1.0), factor
        assert torch.sign(scale.grad) == sign, factor


def test_a_baseline_in_another_unit_does_not_pass():
    scene = views()
    metres = scene.world2cam.clone()
    metres[..., :3, 3] *= 5
    wrong = scene._replace(world2cam=metres)
    weights = torch.ones_like(scene.depth)
    term = PhotometricLoss()
    assert term(wrong, weights) > 20 * term(scene, weights)


def test_reprojection_is_the_disparity():
    scene = views(2)
    pixels, visible = reproject(scene.frames(0, 1), scene.frames(1, 2), 0.05)
    shift = torch.arange(WIDTH) - pixels[0, ..., 0]
    expected = FOCAL * BASELINE / scene.depth[0, 0]
    assert torch.allclose(shift[visible[0]], expected[visible[0]], atol=1e-4)


def test_what_the_board_hides_is_not_compared():
    scene = views(2)
    here, there = scene.frames(0, 1), scene.frames(1, 2)
    _, visible = reproject(here, there, 0.05)
    _, everything = reproject(here, there, 1e9)
    hidden = everything & ~visible
    # the wall behind the board, seen from one side only: its width by similar triangles
    columns = hidden[0].sum(1).float().mean()
    assert float(columns) == pytest.approx(
        FOCAL * BASELINE * (1 / BOARD - 1 / WALL), abs=1.5
    )
    assert (scene.depth[0, 0][hidden[0]] == WALL).all()


def test_identical_images_are_similar_and_noise_is_not():
    image = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    same = structural_similarity(image, image, _blur)
    assert torch.allclose(same, torch.ones(1, 3, 12, 12))
    other = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    assert structural_similarity(image, other, _blur).mean() < 0.3


def test_weights_leave_pixels_out():
    scene = views()
    depth = scene.depth.clone().requires_grad_()
    weights = torch.ones_like(depth)
    weights[..., :20, :] = 0
    PhotometricLoss()(scene._replace(depth=depth * 1.05), weights).backward()
    assert (depth.grad[..., :19, :] == 0).all()  # row 19 is in a neighbourhood of 20
    assert (depth.grad[..., 20:, :] != 0).any()


@pytest.mark.parametrize("case", ["no valid pixel", "one frame"])
def test_nothing_to_compare(case):
    scene = views(1 if case == "one frame" else 3)
    depth = scene.depth.clone().requires_grad_()
    batch = {
        "depth": scene.depth,
        "valid": torch.full_like(scene.depth, case == "one frame", dtype=torch.bool),
        "K": scene.K,
        "cam2world": invert_rigid(scene.world2cam),
        "images": scene.images,
        "pixel_weights": torch.ones_like(scene.depth),
    }
    criterion = MODELS.build(dict(type="MultiTaskLoss", photometric={}))
    loss = criterion({"depth": depth[..., None]}, batch)["loss_photometric"]
    loss.backward()
    assert loss == 0 and (depth.grad == 0).all()
