import numpy as np
import pytest
from scipy.spatial import cKDTree

from vantage3d.geometry import invert_rigid, look_at, unproject
from vantage3d.synthetic import (
    Scene,
    add_sensor_noise,
    make_room,
    make_trajectory,
    render,
    scene_mesh,
    sensor_intrinsics,
)
from vantage3d.synthetic.render.materials import PATTERNS, Material
from vantage3d.synthetic.render.scene import CATEGORIES
from vantage3d.synthetic.rooms.furniture.piece import box

SIZE = (64, 48)
K = sensor_intrinsics(SIZE)
RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


@pytest.fixture(scope="module")
def room():
    return make_room(2)


@pytest.fixture(scope="module")
def mesh(room):
    return scene_mesh(room, room.bounds)


def two_boxes():
    floor = box((-2, -2, -0.1), (2, 2, 0), Material(RED))
    block = box((-0.4, -0.4, 0.6), (0.4, 0.4, 0.7), Material(BLUE))
    solids = []
    for number, solid in enumerate((floor, block), 1):
        object.__setattr__(solid, "instance", number)
        solids.append(solid)
    categories = CATEGORIES["floor"], CATEGORIES["table"]
    return Scene(tuple(solids), categories, np.array([0.0, 0.0, 2.0]))


def from_above(height):
    eye, up = np.array([0.0, 0, height]), np.array([0.0, 1, 0])
    return invert_rigid(look_at(eye, np.zeros(3), up))


def test_ids_and_colours_of_two_boxes():
    frame = render(two_boxes(), K, from_above(3.0), SIZE)
    middle, corner = (24, 32), (2, 2)
    assert frame.depth[middle] == pytest.approx(2.3)
    assert frame.depth[corner] == pytest.approx(3.0)
    assert (frame.instance[middle], frame.instance[corner]) == (2, 1)
    assert (frame.semantic[middle], frame.semantic[corner]) == (4, 3)
    assert frame.color[middle].argmax() == 2
    assert frame.color[corner].argmax() == 0
    assert (frame.depth.dtype, frame.color.dtype) == (np.float32, np.uint8)


def test_background_has_no_depth_and_no_ids():
    frame = render(two_boxes(), K, from_above(-3.0) * [[1], [1], [1], [1]], SIZE)
    outside = frame.depth == 0
    assert (frame.instance[outside] == 0).all()
    assert (frame.semantic[outside] == 0).all()


def test_block_throws_its_shadow_by_similar_triangles():
    """Light at z = 2, block edge at (0.4, z = 0.6..0.7): shadow ends at 0.4 / 0.65."""
    lamp = two_boxes().lamp
    x = np.linspace(0, 1.5, 151)
    points = np.stack([x, x * 0, x * 0], 1)
    light = lamp.brightness(points, np.tile([0.0, 0.0, 1.0], (151, 1)))
    toward = np.array([0.0, 0.0, 2.0]) - points
    open_light = 0.45 + 0.55 * 2.0 / np.linalg.norm(toward, axis=1)
    edge = 0.4 * 2.0 / 1.3
    assert np.allclose(light[x > edge + 0.08], open_light[x > edge + 0.08])
    dark = 0.45 + 0.3 * (open_light - 0.45)
    assert np.allclose(light[x < edge - 0.1], dark[x < edge - 0.1])


def test_surface_turned_away_has_ambient_light_only():
    lamp = two_boxes().lamp
    down = np.array([[0.0, 0.0, -1.0]])
    assert lamp.brightness(np.array([[1.5, 0.0, 0.5]]), down) == pytest.approx(0.45)


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_patterns_mix_two_colours_repeatably(pattern):
    uv = np.random.default_rng(0).uniform(-3, 3, (500, 2))
    material = Material(RED, BLUE, pattern, 0.2, 5)
    colors = material.shade(uv)
    assert colors.min() >= 0
    assert np.allclose(colors.sum(axis=1), 1)
    np.testing.assert_array_equal(colors, material.shade(uv))
    assert (pattern == "plain") == (np.ptp(colors[:, 2]) == 0)


def test_sensor_noise_is_small_and_seeded():
    color = np.full((48, 64, 3), 100, np.uint8)
    first = add_sensor_noise(color, np.random.default_rng(1))
    np.testing.assert_array_equal(
        first, add_sensor_noise(color, np.random.default_rng(1))
    )
    assert 0.5 < first.astype(float).std() < 4
    assert 88 < first.mean() < 112


def test_mesh_lies_on_the_surfaces(room, mesh):
    solids = room.solids
    grown = np.zeros(len(mesh.vertices), bool)
    for solid in solids:
        local = solid.to_local(mesh.vertices)
        assert not solid.contains(local, -1e-6).any()
        grown |= solid.contains(local, 1e-6)
    assert grown.all()


def test_triangles_face_outwards(room, mesh):
    corners = mesh.vertices[mesh.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1)
    keep = area > 1e-7
    step = normal[keep] / area[keep, None] * 0.002
    center = corners[keep].mean(axis=1)
    inside = np.zeros(len(center), bool)
    for solid in room.solids:
        inside |= solid.contains(solid.to_local(center - step), 0.0)
    assert inside.mean() > 0.999


def test_segments_lie_on_one_instance_and_are_named_by_a_vertex(mesh):
    for segment in np.unique(mesh.segment):
        rows = np.flatnonzero(mesh.segment == segment)
        assert rows[0] == segment
        assert len(np.unique(mesh.instance[rows])) == 1


def test_every_instance_is_in_the_mesh(room, mesh):
    assert set(np.unique(mesh.instance)) == set(range(1, len(room.categories) + 1))


def test_nearest_vertex_has_the_label_of_the_pixel(room, mesh):
    """Exact away from other instances; labels can only mix closer than a spacing."""
    trees = cKDTree(mesh.vertices)
    right = total = 0
    for cam2world in make_trajectory(room, 2, [0, 200, 400]):
        frame = render(room, K, invert_rigid(cam2world), SIZE)
        points = unproject(frame.depth.astype(np.float64), K, cam2world).reshape(-1, 3)
        distance, row = trees.query(points)
        assert distance.max() < 0.05
        instance = frame.instance.ravel()
        agree = mesh.instance[row] == instance
        right, total = right + agree.sum(), total + len(agree)
        for number in np.unique(instance):
            others = cKDTree(mesh.vertices[mesh.instance != number])
            mine = np.flatnonzero(instance == number)
            clear = mine[others.query(points[mine])[0] > 0.03]
            assert agree[clear].all()
    assert right / total > 0.98


def test_spacing_must_be_positive(room):
    with pytest.raises(ValueError, match="`spacing` must be positive, got 0"):
        scene_mesh(room, room.bounds, spacing=0)
