"""The objective: published values, weights, curriculum, empty masks."""

import pytest
import torch

from tests.vggt_lora.losses.batches import (
    HEIGHT,
    WIDTH,
    truth_of,
    wave_batch,
    wave_predictions,
)
from vantage3d.geometry import invert_rigid, unproject
from vantage3d.geometry.pose_encoding import encode_pose
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.losses import MultiTaskLoss, normalize_scene

TERMS = dict(camera={}, depth={}, point=dict(gradient_loss_fn="normal"))


def predictions(batch: dict) -> dict:
    """Of the formulas, everywhere: the truth of invalid pixels goes in too."""
    scene = normalize_scene(*truth_of(batch))
    scale = scene.scale[:, None, None, None]
    K = batch["K"]
    depths = unproject_all(batch) / scale[..., None]
    encodings = encode_pose(scene.world2cam, K, (HEIGHT, WIDTH))
    return wave_predictions(encodings, batch["depth"] / scale, depths)


def unproject_all(batch: dict) -> torch.Tensor:
    first = invert_rigid(batch["cam2world"][:, :1])
    return unproject(batch["depth"], batch["K"], first @ batch["cam2world"])


def objective(losses: dict) -> torch.Tensor:
    return sum(value for key, value in losses.items() if "loss" in key)


def evaluate(batch: dict, outputs: dict | None = None, progress: float = 0, **terms):
    criterion = MODELS.build(dict(type="MultiTaskLoss", **(terms or TERMS)))
    return criterion(outputs or predictions(batch), batch, progress)


def test_published_values_of_cameras():
    losses = evaluate(wave_batch(), camera=dict(weight=1.0))
    expected = {
        "loss_camera": 0.308733,
        "camera_T": 0.224533,
        "camera_R": 0.05473,
        "camera_FL": 0.05894,
    }
    assert {key: float(value) for key, value in losses.items()} == pytest.approx(
        expected, abs=2e-6
    )


@pytest.mark.parametrize(
    ("term", "options", "expected"),
    [
        ("depth", dict(), (0.039872, 0.088816, 0.042716)),
        ("depth", dict(valid_range=-1), (0.043665, 0.090655, 0.042716)),
        ("point", dict(gradient_loss_fn="normal"), (-0.031382, 0.053543, 0.033764)),
        ("point", dict(valid_range=-1), (-0.029662, 0.054388, 0.011979)),
    ],
)
def test_published_values_of_maps(term, options, expected):
    losses = evaluate(wave_batch(), **{term: options})
    assert list(losses) == [f"loss_{part}_{term}" for part in ("conf", "reg", "grad")]
    values = [float(value) for value in losses.values()]
    assert values == pytest.approx(expected, abs=2e-6)


def test_the_truth_has_no_residual():
    batch = wave_batch()
    scene = normalize_scene(*truth_of(batch))
    sure = torch.ones_like(scene.depths)
    outputs = {
        "pose_enc_list": [encode_pose(scene.world2cam, batch["K"], (HEIGHT, WIDTH))],
        "depth": scene.depths[..., None],
        "depth_conf": sure,
        "world_points": scene.world_points,
        "world_points_conf": sure,
    }
    terms = dict(**TERMS, sparse_points={})
    for key, value in evaluate(batch, outputs, **terms).items():
        assert float(value) == pytest.approx(0, abs=2e-6), key


def test_the_objective_is_what_mmengine_sums():
    weighted = dict(camera=dict(weight=2.0), depth=dict(weight=5.0))
    plain = dict(camera=dict(weight=1.0), depth=dict(weight=1.0))
    once, twice = evaluate(wave_batch(), **plain), evaluate(wave_batch(), **weighted)
    depth = sum(value for key, value in once.items() if key.endswith("depth"))
    expected = float(2 * once["loss_camera"] + 5 * depth)
    assert float(objective(twice)) == pytest.approx(expected)


def test_a_sample_is_moved_and_scaled_as_a_whole():
    batch, moved = wave_batch(), wave_batch()
    outputs = predictions(batch)
    shift = torch.tensor([30.0, -5.0, 12.0])
    moved["depth"] = 2 * moved["depth"]
    moved["cam2world"][..., :3, 3] = 2 * moved["cam2world"][..., :3, 3] + shift
    before, after = evaluate(batch, outputs), evaluate(moved, outputs)
    for key, value in before.items():
        assert float(after[key]) == pytest.approx(float(value), abs=2e-5), key


def test_garbage_under_invalid_pixels_changes_nothing():
    batch, outputs = wave_batch(), predictions(wave_batch())
    before = evaluate(batch, outputs)
    batch["depth"][~batch["valid"]] = torch.nan
    after = evaluate(batch, outputs)
    objective(after).backward()
    assert float(objective(after)) == pytest.approx(float(objective(before)))
    assert outputs["depth"].grad.isfinite().all()
    assert outputs["world_points"].grad.isfinite().all()


def test_pixels_without_weights_count_one():
    batch = wave_batch()
    before = evaluate(batch, predictions(batch))
    outputs = predictions(batch)
    del batch["pixel_weights"]
    assert evaluate(batch, outputs) == before


@pytest.mark.parametrize(
    "terms",
    [
        dict(camera={}),
        dict(camera=dict(loss_type="l2")),
        dict(depth={}),
        dict(depth=dict(gradient_loss_fn=None)),
        dict(point={}),
        dict(point=dict(gradient_loss_fn="normal")),
        dict(photometric={}),
        dict(sparse_points={}),
    ],
    ids=str,
)
def test_every_term_alone_is_zero_and_connected_without_a_valid_pixel(terms):
    """So that a step of DDP on such a batch finds every parameter in the graph."""
    batch, outputs = wave_batch(), predictions(wave_batch())
    batch["valid"][:] = False
    losses = evaluate(batch, outputs, **terms)
    total = objective(losses)
    assert total == 0 and total.grad_fn is not None
    total.backward()
    leaves = [*outputs.pop("pose_enc_list"), *outputs.values()]
    reached = [leaf.grad for leaf in leaves if leaf.grad is not None]
    assert reached and all((grad == 0).all() for grad in reached)


def test_without_a_valid_pixel_every_loss_is_zero_and_differentiable():
    batch, outputs = wave_batch(), predictions(wave_batch())
    batch["valid"][:] = False
    losses = evaluate(batch, outputs)
    for key in (key for key in losses if "loss" in key):
        assert losses[key] == 0 and losses[key].requires_grad, key
    objective(losses).backward()
    for stage in outputs["pose_enc_list"]:
        assert (stage.grad == 0).all()
    for key in ("depth", "depth_conf", "world_points", "world_points_conf"):
        assert (outputs[key].grad == 0).all(), key


def test_a_frame_without_depth_leaves_the_others():
    batch, outputs = wave_batch(), predictions(wave_batch())
    batch["valid"][:, 0] = False
    losses = evaluate(batch, outputs)
    objective(losses).backward()
    last = outputs["pose_enc_list"][-1].grad
    assert (last[:, 0] == 0).all() and (last[:, 1] != 0).any()
    assert (outputs["depth"].grad[:, 1] != 0).any()


def test_the_minimum_of_valid_pixels_is_configured():
    batch, outputs = wave_batch(), predictions(wave_batch())
    batch["valid"].view(2, -1)[:, 50:] = False
    dense = evaluate(batch, outputs, depth={}, camera={})
    assert all(value == 0 for value in dense.values())
    sparse = dict(min_valid=10)
    losses = evaluate(batch, outputs, depth=sparse, camera=sparse)
    assert losses["loss_reg_depth"] > 0 and losses["loss_camera"] > 0


def test_autocast_changes_no_bit():
    batch, outputs = wave_batch(), predictions(wave_batch())
    terms = dict(**TERMS, photometric={}, sparse_points={})
    before = evaluate(batch, outputs, **terms)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        after = evaluate(batch, outputs, **terms)
    assert before == after
    halves = {**outputs, "depth": outputs["depth"].bfloat16()}
    assert all(v.dtype == torch.float32 for v in evaluate(batch, halves).values())


def test_a_network_without_the_output_of_a_term():
    outputs = predictions(wave_batch())
    del outputs["world_points_conf"]
    with pytest.raises(KeyError, match=r"no 'world_points_conf', only .*'depth'"):
        evaluate(wave_batch(), outputs)


def test_no_terms():
    with pytest.raises(ValueError, match="every term of MultiTaskLoss is None"):
        MultiTaskLoss()


def test_progress_is_a_share():
    with pytest.raises(ValueError, match=r"`progress` must be in \[0, 1\], got 1.2"):
        evaluate(wave_batch(), progress=1.2)
