"""Views without depth: exact points of a made-up scene instead of matched images."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vantage3d.geometry import invert_rigid, project
from vantage3d.recordings.preflight.footage import FrameReader
from vantage3d.recordings.preflight.hypotheses import GIVEN, Facts, Hypothesis
from vantage3d.recordings.preflight.matches import KINDS, Matches, measure, on_lines

K = np.array([[300.0, 0, 159.5], [0, 300, 119.5], [0, 0, 1]])
FACTS = Facts("opencv", False, False, (0.5, 2.0), kinds=KINDS)


class Poses(FrameReader):
    def __init__(self, poses):
        self.poses = poses

    def __len__(self):
        return len(self.poses)

    def pose(self, at):
        return self.poses[at]

    def depth(self, at):
        return None

    def color(self, at, place):
        return None


@pytest.fixture
def exact():
    rng = np.random.default_rng(0)
    points = rng.uniform((-1, -1, 3), (1, 1, 5), (60, 3))
    poses = np.tile(np.eye(4), (4, 1, 1))
    angles = np.outer(np.arange(4), (4.0, 9.0, 2.0))
    poses[:, :3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    poses[:, :3, 3] = np.outer(np.arange(4) ** 1.5, (-0.4, 0.2, 0.1))
    pixels = [project(points, K, invert_rigid(pose))[0] for pose in poses]
    costs = np.where(np.tri(4) > 0, np.inf, 0.0)
    pairs = list(zip(*np.nonzero(np.isfinite(costs))))
    return Matches(
        reader=Poses(poses),
        places=np.arange(4),
        K=np.stack(4 * [K]),
        every=1.0,
        size=(320, 240),
        sizes=4 * [(320, 240)],
        costs=costs,
        found={(int(a), int(b)): (pixels[a], pixels[b]) for a, b in pairs},
    )


def test_exact_points_lie_on_their_lines_whatever_the_unit(exact):
    for guess in (GIVEN, Hypothesis(units=1000.0)):
        found = measure(exact, FACTS, guess)
        np.testing.assert_array_equal(found.landed, 1)
        np.testing.assert_array_equal(found.surface, 1)


def test_lines_run_through_the_pixels_of_the_points(exact):
    """Beside the epipole, they are those of the two ends of a ray."""
    seen = on_lines(exact, FACTS, GIVEN, (0, 2))
    assert seen.ahead.all()
    poses = exact.reader.poses
    first2second = invert_rigid(poses[2]) @ poses[0]
    for z in (2.0, 9.0):
        points = z * np.column_stack([(seen.first - K[:2, 2]) / 300, np.ones(60)])
        pixels = project(points, K, first2second)[0]
        for place in (pixels, seen.second):
            values = (seen.lines[:, :2] * place).sum(1) + seen.lines[:, 2]
            np.testing.assert_allclose(
                values / np.hypot(*seen.lines.T[:2]), 0, atol=1e-9
            )
    mirrored = on_lines(exact, FACTS, Hypothesis(flip="left-right"), (0, 2))
    np.testing.assert_allclose(mirrored.second[:, 0], 319 - seen.second[:, 0])


@pytest.mark.parametrize(
    "wrong",
    [
        Hypothesis(inverted=True),
        Hypothesis(axes="opengl"),
        Hypothesis(pose_shift=1),
        Hypothesis(focal=1.1),
        Hypothesis(size=0.5),
        Hypothesis(flip="left-right"),
    ],
    ids=lambda guess: next(iter(guess.changes)),
)
def test_another_reading_takes_them_off(exact, wrong):
    found = measure(exact, FACTS, wrong)
    assert np.nanmean(found.surface) < 0.7


def test_points_behind_a_camera_do_not_count(exact):
    backward = {k: (-(p - K[:2, 2]) + K[:2, 2], q) for k, (p, q) in exact.found.items()}
    exact.found = backward
    assert measure(exact, FACTS, GIVEN).surface.max() < 0.5


def test_a_camera_that_only_turns_says_nothing(exact):
    exact.reader.poses[:, :3, 3] = 0
    assert np.isnan(measure(exact, FACTS, GIVEN).surface).all()
