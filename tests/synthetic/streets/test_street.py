import numpy as np
import pytest

from tests.synthetic.render.test_raycast import surface_value
from vantage3d.geometry import transform_points, unproject
from vantage3d.io.kitti360_labels import IDS, LABELS
from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.streets import STYLES, film, make_street
from vantage3d.synthetic.streets.drive import (
    SPEED,
    SWEEP_S,
    Drive,
    make_drive,
    make_rig,
    scan,
)
from vantage3d.synthetic.streets.site import box, tag
from vantage3d.synthetic.streets.surfaces import Sun

SIZE = (176, 47)
RIG = make_rig()
K = RIG.intrinsics(SIZE)


@pytest.fixture(scope="module")
def street():
    return make_street("suburb", 1, 24.0, 3.0)


def camera(time_s, height=1.55):
    return Drive(height, SPEED, 1.0).imu2street(time_s) @ RIG.cam2imu(0)


def test_a_rig_that_sways_looks_aside_and_stays_on_its_way():
    straight, swaying = (make_drive("suburb", 5, sway) for sway in (0.0, 40.0))
    turns = []
    for time_s in np.arange(0, 2.5, 0.1):
        poses = straight.imu2street(time_s), swaying.imu2street(time_s)
        assert (poses[0][:3, 3] == poses[1][:3, 3]).all()
        headings = [np.arctan2(*pose[[1, 0], 0]) for pose in poses]
        turns.append(np.degrees(headings[1] - headings[0]))
    assert max(turns) == pytest.approx(40, abs=0.5)
    assert min(turns) == pytest.approx(-40, abs=0.5)
    assert straight == Drive(1.55, SPEED, 5.0, 0.0, straight.sway_phase)


def off_surface(points, solids):
    """(N,) at least the metres from each point to the nearest of the solids."""
    best = np.full(len(points), np.inf)
    for solid in solids:
        best = np.minimum(best, np.abs(surface_value(solid, points)) * solid.half.max())
    return best


def nothing_before(points, eye, solids):
    way = eye + np.linspace(0.02, 0.98, 25)[:, None, None] * (points - eye)
    for solid in solids:
        if (surface_value(solid, way.reshape(-1, 3)) < -1e-6).any():
            return False
    return True


def test_depth_and_ids_are_those_of_the_first_surface(street):
    pose = camera(1.5)
    frame = film(street, K, pose, SIZE, 1.5)
    points, solids = unproject(frame.depth, K, pose), street.at(1.5)
    for number in np.unique(frame.instance[frame.depth > 0]):
        on = points[(frame.instance == number) & (frame.depth > 0)]
        own = [solid for solid in solids if solid.instance == number]
        assert off_surface(on, own).max() < 1e-6, number
    sample = points[frame.depth > 0][::97]
    assert nothing_before(sample, pose[:3, 3], solids)
    assert (frame.semantic[frame.depth == 0] == IDS["sky"]).all()


def test_sweep_lies_on_the_scene_from_where_each_point_was_measured(street):
    """With ego-motion: undone with the exact pose at each point's own moment."""
    drive, solids = Drive(1.55, SPEED, 1.0), street.at(1.0)
    points = scan(
        solids, lambda t: drive.imu2street(t) @ RIG.velo2imu(), 1.0, columns=120
    )[:, :3].astype(float)
    assert len(points) > 3000
    azimuth = np.arctan2(points[:, 1], points[:, 0])
    times = 1.0 + SWEEP_S * azimuth / (2 * np.pi)
    found = np.array(
        [
            transform_points(drive.imu2street(t) @ RIG.velo2imu(), p[None])[0]
            for t, p in zip(times, points)
        ]
    )
    assert off_surface(found, solids).max() < 2e-3
    late = transform_points(drive.imu2street(1.0) @ RIG.velo2imu(), points)
    assert np.abs(late - found).max() > 0.3  # the motion is really there


def test_standing_sweep_sees_no_farther_than_the_first_surface(street):
    pose = Drive(1.55, SPEED, 1.0).imu2street(0.5) @ RIG.velo2imu()
    points = scan(street.at(0.5), lambda t: pose, 0.5, columns=90)[:, :3]
    world = transform_points(pose, points.astype(float))[::31]
    assert nothing_before(world, pose[:3, 3], street.at(0.5))


def test_things_that_move_do_and_the_rest_does_not(street):
    first, later = street.at(0.0), street.at(2.0)
    still = len(street.solids)
    assert all(a is b for a, b in zip(first[:still], later[:still]))
    assert {s.instance // 1000 for s in first[still:]} <= {
        IDS["car"],
        IDS["truck"],
        IDS["person"],
    }
    speeds = [
        np.linalg.norm(b.center - a.center) / 2.0
        for a, b in zip(first[still:], later[still:])
    ]
    assert max(speeds) > 8 and max(speeds) < 12


def test_same_seed_same_street_other_seed_and_style_another(street):
    again = make_street("suburb", 1, 24.0, 3.0)
    pose = camera(0.5)
    frame = film(street, K, pose, SIZE, 0.5)
    assert (film(again, K, pose, SIZE, 0.5).color == frame.color).all()
    for other in (
        make_street("suburb", 2, 24.0, 3.0),
        make_street("brick", 1, 24.0, 3),
    ):
        view = film(other, K, pose, SIZE, 0.5)
        assert np.abs(view.color.astype(int) - frame.color).mean() > 10
    heights = {style.camera_height for style in STYLES.values()}
    assert len(heights) == len(STYLES)


def test_streets_are_rich_mixed_and_poor_in_buildings():
    """What buckets need: views of all three kinds, and many classes."""
    ratios, seen = [], set()
    for seed in range(6):
        found = make_street("suburb", seed, 30.0, 4.0)
        for time_s in (0.5, 2.0, 3.5):
            labels = film(found, K, camera(time_s), SIZE, time_s).semantic
            ratios.append((labels == IDS["building"]).mean())
            seen |= set(np.unique(labels).tolist())
    assert min(ratios) < 0.1 and max(ratios) > 0.3
    assert len(seen) >= 16
    assert seen <= {label.id for label in LABELS}


def test_sun_lights_what_it_sees():
    grey = Material((0.5, 0.5, 0.5))
    style = STYLES["suburb"]
    wall = box((20.0, 0.4, 6.0), (0.0, 0.0, 3.0), grey, tag("wall"))
    ground = box((60.0, 60.0, 1.0), (0.0, 0.0, -0.5), grey, tag("road"))
    sun = Sun(style, [wall, ground], np.array([-20.0, -12, 0]), np.array([20.0, 12, 7]))
    toward = sun.toward / sun.toward[2]
    shadow_end = -6.0 * toward[1]  # y where the wall's top casts its shadow
    points = np.array(
        [[-3.0, 0.5 * shadow_end, 0], [-3.0, 2.5 * shadow_end, 0], [-3.0, 4.0, 0]],
        np.float32,
    )
    normals = np.tile(np.array([0, 0, 1], np.float32), (3, 1))
    light = sun.light(points, normals)
    ambient = np.asarray(style.ambient)
    full = ambient + sun.toward[2] * np.asarray(style.sun)
    np.testing.assert_allclose(light[1:], np.stack([full, full]), atol=1e-5)
    assert (light[0] < ambient + 0.11 * (full - ambient)).all()
