"""Real recordings through everything, with an oracle in place of the descriptors."""

import math

import pytest
import torch

from tests.deltas.models.networks import narrow
from tests.layouts import create_data
from tests.rooms import DELTAS
from tests.shared import need
from vantage3d.deltas.correspondences import true_matches, true_points
from vantage3d.deltas.models.estimator import relative_poses
from vantage3d.evaluation.stereo_depth import EIGHT
from vantage3d.geometry.cameras import pixel_grid
from vantage3d.registry import METRICS
from vantage3d.views.batch import collate_views
from vantage3d.views.dataset import PosedViews

SIZE = (120, 160)
# Converter, folder, frames between views, least distance between cameras in metres.
RECORDINGS = {
    "scannet": (
        "scannet",
        "data/deltas_scannet_sample/scannet_sample",
        1,
        0.001,
    ),
    "sevenscenes": ("sevenscenes", "data/sevenscenes_tsdf", 25, 0.02),
}


@pytest.fixture(scope="module", params=RECORDINGS)
def batch(request, tmp_path_factory):
    """Three samples of a recording."""
    tool, folder, gap, least = RECORDINGS[request.param]
    out = create_data(tool, need(folder), tmp_path_factory.mktemp("index"))
    options = dict(gap=gap, size=SIZE, min_baseline=least, **DELTAS)
    data = PosedViews(str(out), "test", **options)
    return collate_views([data[i] for i in range(min(3, len(data)))])


def grid(samples: int) -> torch.Tensor:
    pixels = pixel_grid(*SIZE, torch.zeros(()))[6::9, 6::9].reshape(1, -1, 2)
    return pixels.expand(samples, -1, -1)


def test_exact_matches_give_exact_points(batch):
    inputs = batch["inputs"]
    keypoints = grid(len(inputs["K"])).double()
    depth, K, cam2world = (inputs[k].double() for k in ("depth", "K", "cam2world"))
    truth = true_points(keypoints, depth[:, 0], K[:, 0], (0.5, 10.0))
    matches = true_matches(truth, depth, K, cam2world, occlusion=0.05)
    # About half of a handheld view is seen again, whatever its holes.
    assert matches.valid.float().mean() > 0.4
    pixels = torch.cat([keypoints[:, None], matches.pixels], 1)
    weights = torch.cat([truth.valid[:, None], matches.valid], 1).double()
    found = narrow().trinet.locate(
        pixels, K, relative_poses(cam2world), weights, matches.valid
    )
    used = found["point_valid"] & truth.valid
    assert used.sum() > 0.9 * (truth.valid & matches.valid.any(1)).sum()
    error = (found["points_anchor"] - truth.points).norm(dim=-1)[used]
    assert float(error.max()) < 1e-4


def test_descriptors_of_the_true_surface_find_it(batch):
    """Each pixel is described by where its surface is in the world."""
    inputs = batch["inputs"]
    model = narrow(out_length=200).eval()
    model.trinet.bn_match_convD.weight.data.fill_(400.0)
    model.trinet.bn_match_convD.bias.data.fill_(-390.0)
    keypoints = grid(len(inputs["K"]))
    truth = true_points(keypoints, inputs["depth"][:, 0], inputs["K"][:, 0], (0.5, 10))
    seen = true_matches(
        truth, inputs["depth"], inputs["K"], inputs["cam2world"], occlusion=0.05
    )
    found = model.trinet(
        surface_descriptors(inputs),
        keypoints,
        inputs["K"],
        relative_poses(inputs["cam2world"]),
        SIZE,
    )
    both = seen.valid & found["range_kp"]
    error = (found["matches"] - seen.pixels).norm(dim=-1)[both]
    assert both.sum() > 100 and float(error.detach().median()) < 1  # pixel


def surface_descriptors(inputs: dict) -> torch.Tensor:
    """(B, V, C, h, w) unit vectors that differ where world points do."""
    depth, K, cam2world = (inputs[k].double() for k in ("depth", "K", "cam2world"))
    small = depth[..., 3::8, 3::8]  # near the centres of the cells
    height, width = small.shape[-2:]
    rows = pixel_grid(height, width, K) * 8 + 3
    rays = torch.cat([rows, torch.ones_like(rows[..., :1])], -1)
    rays = rays @ torch.linalg.inv(K)[:, :, None].mT
    points = (rays * small[..., None]).flatten(2, 3)
    points = points @ cam2world[..., :3, :3].mT + cam2world[..., None, :3, 3]
    generator = torch.Generator().manual_seed(0)
    waves = 4 * torch.randn(3, 64, generator=generator, dtype=points.dtype)
    phases = points @ waves
    described = torch.cat([phases.cos(), phases.sin()], -1).mT
    described = torch.nn.functional.normalize(described, dim=2)
    return described.unflatten(-1, (height, width)).float()


def test_a_network_runs_on_them_and_is_judged(batch):
    model = narrow().eval()
    with torch.no_grad():
        predictions = model(**batch, mode="predict")
    metric = METRICS.build(dict(type="TriangulatedDepthMetric"))
    metric.process(batch, predictions)
    metrics = metric.evaluate(len(predictions))
    assert all(math.isfinite(metrics[name]) for name in EIGHT)
    assert metrics["count.frames"] == len(predictions)
    assert metrics["sparse.triangulated"] > 0.5 and metrics["sparse.baseline_m"] > 0.001
