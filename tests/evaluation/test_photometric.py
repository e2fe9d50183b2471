"""Images that depth and cameras explain, or do not: a painted wall, and a street."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.evaluation.street import street_views
from vantage3d.evaluation.metrics_table import THRESHOLDS
from vantage3d.evaluation.photometric import (
    View,
    agreement,
    agreement_statistics,
    textured,
)
from vantage3d.geometry import invert_rigid, unproject

K = np.array([[60.0, 0, 31.5], [0, 60, 19.5], [0, 0, 1]])
SIZE = (40, 64)
EVERYWHERE = np.ones(SIZE, bool)


def camera(x: float, yaw_deg: float = 0, z: float = 0) -> np.ndarray:
    """(4, 4) cam2world."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("y", yaw_deg, degrees=True).as_matrix()
    pose[:3, 3] = x, 0.1 * x, z
    return pose


def paint(points: np.ndarray, waves: float = 1.5) -> np.ndarray:
    """(3, H, W) colours of points in the world."""
    x, y = waves * points[..., 0], waves * points[..., 1]
    shades = [np.sin(x + k) * np.cos(0.7 * y - k) for k in range(3)]
    return 0.5 + 0.4 * np.stack(shades)


def wall(cam2world: np.ndarray, distance: float = 10.0, waves: float = 1.5) -> View:
    """A painted wall, z = distance in the world, in one unit throughout."""
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(K).T
    ahead = rays @ cam2world[:3, :3].T
    depth = (distance - cam2world[2, 3]) / ahead[..., 2]
    image = paint(unproject(depth, K, cam2world), waves)
    return View(image, depth, K, invert_rigid(cam2world))


def rescaled(view: View, depth: float, translation: float) -> View:
    world2cam = view.world2cam.copy()
    world2cam[:3, 3] *= translation
    return view._replace(depth=depth * view.depth, world2cam=world2cam)


def scores(here: View, there: View, mask: np.ndarray = EVERYWHERE) -> dict[str, float]:
    return agreement_statistics([agreement(here, there, mask)])


def test_a_perfect_prediction_of_a_painted_wall_is_perfect():
    found = scores(wall(camera(0)), wall(camera(0.8, 3, 0.5)))
    assert found["error"] < 2e-3 and found["ssim"] > 0.99
    assert all(found[f"inlier_at.{t:g}"] == 1 for t in THRESHOLDS)
    assert found["coverage"] > 0.7


def test_a_view_explains_itself_exactly():
    view = wall(camera(0.3, 10))
    found = scores(view, view)
    assert found["error"] < 1e-14 and found["ssim"] == pytest.approx(1, abs=1e-12)
    assert found["coverage"] == 1


def test_one_unit_for_depth_and_translations():
    """Reference project: depth in metres with translations of the network."""
    here, there = wall(camera(0), waves=3), wall(camera(1.5, 3), waves=3)
    perfect = scores(here, there)
    own_unit = scores(rescaled(here, 0.1, 0.1), rescaled(there, 0.1, 0.1))
    assert own_unit == pytest.approx(perfect, rel=1e-9)
    mixed = scores(rescaled(here, 1, 0.1), rescaled(there, 1, 0.1))
    assert perfect["inlier_ratio"] > 0.99 and mixed["inlier_ratio"] < 0.5


def test_a_world_kilometres_away_is_the_same():
    here, there = wall(camera(0)), wall(camera(0.8, 3))
    move = np.eye(4)
    move[:3, :3] = Rotation.from_euler("xyz", [10, 20, 130], degrees=True).as_matrix()
    move[:3, 3] = 1000, -3000, 115
    far = [
        v._replace(world2cam=v.world2cam @ invert_rigid(move)) for v in (here, there)
    ]
    assert scores(*far) == pytest.approx(scores(here, there), rel=1e-9)


def test_what_is_behind_the_other_camera_is_not_measured():
    here = wall(camera(0))
    there = here._replace(world2cam=invert_rigid(camera(0, 180)))
    found = agreement(here, there, EVERYWHERE)
    assert not len(found.errors) and found.textured == textured(here.image).sum()
    statistics = agreement_statistics([found])
    assert statistics["coverage"] == 0 and math.isnan(statistics["inlier_ratio"])


def test_what_another_surface_hides_is_not_measured():
    here, there = wall(camera(0)), wall(camera(0.8))
    hidden = there.depth.copy()
    hidden[:, :32] = 4  # a post before the wall
    image = there.image.copy()
    image[:, :, :32] = 0
    found = scores(here, there._replace(depth=hidden, image=image))
    assert found["inlier_at.0.01"] == 1
    assert found["coverage"] < 0.6
    seen = scores(here, there._replace(image=image))
    assert seen["inlier_ratio"] < 0.7


def test_a_blank_wall_tells_nothing():
    """Reference project: without texture everything was an inlier."""
    grey = np.full((3, *SIZE), 0.5)
    here, there = (v._replace(image=grey) for v in (wall(camera(0)), wall(camera(5))))
    assert not textured(grey).any()
    found = scores(here, there)
    assert math.isnan(found["inlier_ratio"]) and math.isnan(found["coverage"])


def test_texture_is_a_difference_to_any_neighbour():
    image = np.full((3, 5, 6), 0.5)
    image[:, 2, 3] += 0.03
    expected = np.zeros((5, 6), bool)
    expected[2, 2:5] = expected[1:4, 3] = True
    assert np.array_equal(textured(image), expected)
    image[:, 2, 3] -= 0.015
    assert not textured(image).any()


def test_errors_and_curve_by_hand():
    here = wall(camera(0))
    shifted = here._replace(
        image=here.image + np.array([0.03, 0.06, 0.09])[:, None, None]
    )
    pair = agreement(here, shifted, EVERYWHERE)
    assert pair.errors == pytest.approx(np.full(pair.textured, 0.06))
    assert pair.textured > 1500
    better = agreement(here, here, EVERYWHERE)
    found = agreement_statistics([pair, better], thresholds=(0.05, 0.07))
    assert found["error"] == pytest.approx(0.03)
    assert (found["inlier_at.0.05"], found["inlier_at.0.07"]) == (0.5, 1)
    assert found["inlier_ratio"] == 0.5


def test_unusable_depth_lowers_the_coverage():
    here, there = wall(camera(0)), wall(camera(0))
    depth = here.depth.copy()
    depth[:10], depth[10:20] = np.nan, -1
    share = textured(here.image)[20:].sum() / textured(here.image).sum()
    found = scores(here._replace(depth=depth), there)
    assert found["coverage"] == pytest.approx(share) and found["inlier_ratio"] == 1
    blind = scores(here, there._replace(depth=depth))
    assert blind["coverage"] == pytest.approx(share)


def test_the_truth_of_a_street_beats_wrong_depth_and_wrong_cameras():
    views = street_views()
    mask = views.semantics[0] == 11

    def score(depth_scale: float, yaw_deg: float) -> float:
        turn = camera(0, yaw_deg)
        pair = [
            View(image, depth_scale * depth, views.K, invert_rigid(pose))
            for image, depth, pose in zip(views.images, views.depth, views.cam2world)
        ]
        second = pair[1]._replace(world2cam=turn @ pair[1].world2cam)
        return scores(pair[0], second, mask)["inlier_ratio"]

    best = score(1, 0)
    for wrong in ((1.5, 0), (0.6, 0), (1, 1.5), (1, -1.5)):
        assert score(*wrong) < best - 0.02, wrong


def test_images_of_another_size():
    view = wall(camera(0))
    small = view._replace(image=view.image[:, :, 1:])
    with pytest.raises(ValueError, match=r"`there.image` .* got \(3, 40, 63\)"):
        agreement(view, small, EVERYWHERE)
