"""Views of a plane: crop, scale and mirror; geometry must still meet."""

import re

import numpy as np
import pytest

from tests.views.plane import FAR, SIZE, K, frame, plane_depth, pose
from vantage3d.geometry import invert_rigid, project, scale_intrinsics, unproject
from vantage3d.views.augmentation import Augmentation
from vantage3d.views.frame import BadSampleError
from vantage3d.views.transform import (
    ViewTransform,
    nearest,
    resize_depth,
    target_size,
)


@pytest.mark.parametrize(
    ("aspect", "expected"), [(1.0, (518, 518)), (0.33, (168, 518)), (0.27, (126, 518))]
)
def test_sizes_of_released_training(aspect, expected):
    assert target_size(518, aspect) == expected


def test_kitti_window_is_825_columns_wide():
    """The wide crop of the presets, and the square one with 272 columns."""
    K = np.array([[552.554261, 0, 682.049453], [0, 552.554261, 238.769549], [0, 0, 1]])
    for height, columns in ((168, 843), (518, 273)):
        window = ViewTransform(height, 518).window(K, (1408, 376))
        assert window.right - window.left == pytest.approx(columns, abs=2)
        assert window.bottom - window.top <= 274
        assert (window.left + window.right - 1) / 2 == pytest.approx(682.05, abs=0.5)


def test_an_odd_reduction_keeps_depth_exactly():
    """Each third pixel: the view's depth is the plane's depth under the view's K."""
    size = (3 * 70, 3 * 28)
    K = np.array([[90.0, 0, 104.5], [0, 88.0, 41.5], [0, 0, 1]])
    source = frame(3, size, K)
    view = ViewTransform(28, 70)(source)
    exact = plane_depth(view.K, source.world2cam, (70, 28))
    np.testing.assert_allclose(view.depth, exact, rtol=1e-6)
    assert (view.image[..., 0] == np.arange(70) * 3 + 1).all()


@pytest.mark.parametrize(("height", "width"), [(28, 70), (42, 56), (112, 126)])
@pytest.mark.parametrize("zoom", [1.0, 1.25])
def test_any_resize_keeps_geometry_to_half_a_source_pixel(height, width, zoom):
    source = frame(3)
    view = ViewTransform(height, width, zoom=zoom)(source)
    exact = plane_depth(view.K, source.world2cam, (width, height))
    step = np.abs(np.gradient(source.depth)).max()
    assert np.abs(view.depth - exact).max() < step
    scale = view.K[0, 0] / K[0, 0]
    # Red is the source column: the half-pixel rule turns it into the view's.
    columns = (view.image[height // 2, :, 0] - K[0, 2]) * scale + view.K[0, 2]
    assert np.abs(columns - np.arange(width))[2:-2].max() < max(1.0, scale)
    assert np.abs(view.K[:2, 2] - [(width - 1) / 2, (height - 1) / 2]).max() < scale


def test_window_is_inside_and_as_wide_as_possible():
    window = ViewTransform(28, 70).window(K, SIZE)
    assert window.left >= 0 and window.right <= SIZE[0]
    assert window.top >= 0 and window.bottom <= SIZE[1]
    half_columns = min(K[0, 2] + 0.5, SIZE[0] - 0.5 - K[0, 2])
    assert window.right - window.left == pytest.approx(2 * half_columns, abs=1)


def test_scattered_depth_keeps_every_pixel_the_nearest():
    source = frame(0)
    sparse = np.zeros_like(source.depth)
    rows, columns = np.divmod(np.arange(0, sparse.size, 7), sparse.shape[1])
    sparse[rows, columns] = np.linspace(5, 60, len(rows))
    geometry = ViewTransform(28, 70, "scatter")
    view = geometry(source._replace(depth=sparse))
    left, top, right, bottom = geometry.window(source.K, SIZE)
    expected = {}
    for row, column in zip(rows, columns):
        if left <= column < right and top <= row < bottom:
            at = (
                int((row - top + 0.5) * 28 / (bottom - top)),
                int((column - left + 0.5) * 70 / (right - left)),
            )
            expected[at] = min(expected.get(at, 99), sparse[row, column])
    found = {(r, c): view.depth[r, c] for r, c in zip(*np.nonzero(view.depth))}
    assert found == expected
    dense = ViewTransform(28, 70)(source._replace(depth=sparse))
    assert (dense.depth > 0).sum() < len(found)


def test_errors():
    with pytest.raises(ValueError, match=r"positive multiple of 14, got 500. Use 504"):
        target_size(500, 0.3)
    with pytest.raises(ValueError, match=r"`aspect` 0.01 leaves no patch"):
        target_size(518, 0.01)
    outside = frame(0)._replace(K=np.array([[90.0, 0, -4], [0, 90, 40], [0, 0, 1]]))
    message = re.escape("point [-4.0, 40.0] is outside of the image of 211x97")
    with pytest.raises(BadSampleError, match=message):
        ViewTransform(28, 70)(outside)


SKEWED = K + np.array([[0, 4.0, 0], [0, 0, 0], [0, 0, 0]])
CENTRE = dict(resampling="surface", place=(0.5, 0.5))
TRANSFORMS = {
    "resized": ViewTransform(48, 104, **CENTRE),
    "cropped": ViewTransform(48, 72, "surface", zoom=1.4, place=(0.2, 0.9)),
    "mirrored": ViewTransform(97, 211, mirrored=True, **CENTRE),
    "all": ViewTransform(40, 88, "surface", zoom=1.2, place=(0.9, 0.1), mirrored=True),
}


def pair(name, K):
    """Two views of the plane, near the origin so that errors are not those of far."""
    views = []
    for number in (0, 3):
        view = frame(number, K=K)
        cam2world = invert_rigid(view.world2cam)
        cam2world[:3, 3] -= FAR
        views.append(view._replace(world2cam=invert_rigid(cam2world)))
    return [TRANSFORMS[name](view) for view in views], views


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("K", [K, SKEWED], ids=["K", "skewed"])
def test_points_of_one_view_land_on_the_surface_of_the_other(name, K):
    (first, second), _ = pair(name, K)
    assert first.depth.shape == (TRANSFORMS[name].height, TRANSFORMS[name].width)
    depth = first.depth.astype(np.float64)
    points = unproject(depth, first.K, invert_rigid(first.world2cam))[3:-3, 3:-3]
    pixels, expected = project(points.reshape(-1, 3), second.K, second.world2cam)
    x, y = pixels.T
    height, width = second.depth.shape
    seen = (x > 3) & (y > 3) & (x < width - 4) & (y < height - 4)
    assert seen.mean() > 0.4
    x0, y0 = x[seen].astype(int), y[seen].astype(int)
    fx, fy = x[seen] - x0, y[seen] - y0
    surface = second.depth.astype(np.float64)
    upper = surface[y0, x0] * (1 - fx) + surface[y0, x0 + 1] * fx
    lower = surface[y0 + 1, x0] * (1 - fx) + surface[y0 + 1, x0 + 1] * fx
    found = upper * (1 - fy) + lower * fy
    np.testing.assert_allclose(found, expected[seen], rtol=3e-4)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_pixels_show_what_the_camera_says(name):
    """The source's columns and rows are its colours: colour tells where a ray went."""
    (view, _), (source, _) = pair(name, K)
    rays = np.linalg.inv(view.K) @ np.array([[20.0, 30], [15, 20], [1, 1]])
    if TRANSFORMS[name].mirrored:
        rays[0] = -rays[0]  # the mirrored world
    x, y, _ = source.K @ rays
    for (row, column), expected in zip(((15, 20), (20, 30)), zip(x, y)):
        colour = view.image[row, column, :2].astype(float)
        np.testing.assert_allclose(colour, expected, atol=1.0)


def test_a_mirrored_pose_is_rigid_and_mirroring_twice_is_nothing():
    (view, _), (source, _) = pair("mirrored", SKEWED)
    rotation = view.world2cam[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert view.K[0, 2] == pytest.approx(SIZE[0] - 1 - source.K[0, 2])
    again = TRANSFORMS["mirrored"](view)
    for value, expected in zip(again[:4], source[:4]):
        np.testing.assert_allclose(value, expected, atol=1e-9)


def test_the_relative_pose_is_mirrored():
    """T' = S T S for the way from the anchor's camera to another."""
    (first, second), (a, b) = pair("mirrored", K)
    S = np.diag([-1.0, 1, 1, 1])
    expected = S @ b.world2cam @ invert_rigid(a.world2cam) @ S
    found = second.world2cam @ invert_rigid(first.world2cam)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_windows_stay_inside_and_keep_proportions():
    rng = np.random.default_rng(0)
    augmentation = Augmentation(zoom=0.4, shift=True, mirror=0.5)
    mirrored = []
    for _ in range(200):
        transform = augmentation.draw(ViewTransform(48, 64), rng)
        left, top, right, bottom = transform.window(K, (640, 480))
        width, height = right - left, bottom - top
        assert left >= 0 and top >= 0
        assert left + width <= 640 and top + height <= 480
        assert width / height == pytest.approx(64 / 48, rel=0.01)
        assert 0.59 * 640 <= width <= 640
        mirrored.append(transform.mirrored)
    assert 0.35 < np.mean(mirrored) < 0.65
    whole = ViewTransform(48, 64, **CENTRE).window(K, (640, 480))
    assert whole == (0, 0, 640, 480)


@pytest.mark.parametrize(("name", "value"), [("zoom", 1.0), ("mirror", -0.1)])
def test_shares_outside_of_their_range_are_refused(name, value):
    message = f"`{name}` of `augmentation` must be a share .* got {value}"
    with pytest.raises(ValueError, match=message):
        Augmentation(**{name: value})


@pytest.mark.parametrize("shape", [(48, 105), (97, 211), (31, 80), (200, 300)])
def test_a_plane_stays_the_plane(shape):
    """Better than the nearest measurement, which belongs to another pixel centre."""
    height, width = shape
    depth = plane_depth(K, pose(3), SIZE).astype(np.float32)
    scaled = scale_intrinsics(K, width / SIZE[0], height / SIZE[1])
    expected = plane_depth(scaled, pose(3), (width, height))
    inner = np.s_[3:-3, 3:-3]  # beyond the outermost centres there is nothing to mix
    off = np.abs(resize_depth(depth, height, width) / expected - 1)[inner]
    assert off.max() < 1e-4
    if shape != depth.shape:
        near = np.abs(nearest(depth, height, width) / expected - 1)[inner]
        assert near.max() > 10 * off.max()


def test_holes_and_edges_are_not_mixed():
    """Every value comes from the surface on one side, and holes keep their pixels."""
    depth = np.full((60, 80), 2.0, np.float32)
    depth[:, 41:] = 3.0
    depth[20:32, 10:22] = 0
    small = resize_depth(depth, 30, 40)
    assert set(np.unique(small)) == {0.0, 2.0, 3.0}
    np.testing.assert_array_equal(small, nearest(depth, 30, 40))
    assert (small == 0).sum() == 6 * 6


def test_the_share_of_an_edge_is_an_argument():
    depth = np.array([[1.0, 1.04]], np.float32)
    assert resize_depth(depth, 1, 1)[0, 0] == pytest.approx(1.02)
    assert resize_depth(depth, 1, 1, edge=0.03)[0, 0] == np.float32(1.04)
