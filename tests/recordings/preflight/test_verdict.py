"""Which words a comparison deserves, by made-up agreements."""

from types import SimpleNamespace

import numpy as np
import pytest

from vantage3d.recordings.preflight.agreement import Agreement
from vantage3d.recordings.preflight.hypotheses import Hypothesis
from vantage3d.recordings.preflight.remedies import Meaning, describe
from vantage3d.recordings.preflight.search import Comparison
from vantage3d.recordings.preflight.verdict import judge

PAIRS = 48


def film():
    angles = np.full((12, 12), 15.0)
    return SimpleNamespace(
        places=np.arange(12),
        pairs=np.tile([[0, 1]], (PAIRS, 1)),
        motion=(angles, angles / 20),
        size=(640, 480),
        focal=585.0,
        evidence=lambda landed, color: f"{landed:.0%} and {color:.2f}",
    )


def agreement(surface, color, landed):
    spread = np.linspace(-0.01, 0.01, PAIRS)
    return Agreement(*(spread + value for value in (surface, color, 0.9, landed)))


@pytest.mark.parametrize(
    ("guess", "surface", "level"),
    [
        (Hypothesis(inverted=True, color_focal=0.85), 0.1, "error"),
        (Hypothesis(scale=0.2, color_focal=0.9), 0.1, "error"),
        (Hypothesis(color_focal=0.9), 0.6, "warning"),
        (Hypothesis(color_shift=2, color_focal=0.9), 0.6, "warning"),
    ],
)
def test_a_doubt_of_colour_does_not_soften_what_depth_says(guess, surface, level):
    """As real recordings have it: two sensors, of which one K is known."""
    given, best = agreement(surface, 0.0, 0.13), agreement(0.6, 0.16, 0.79)
    comparison = Comparison(guess, given, best, 0.6, 20.0)
    (finding,) = judge("office", film(), comparison, Meaning("7-Scenes", 1000.0))
    assert finding.level == level
    assert "a colour camera of its own fits better, with a focal length" in finding.text
    assert finding.text.startswith("office: perhaps ") == (level == "warning")


def test_which_way_poses_and_colours_are_off():
    now = Meaning("7-Scenes", 1000.0, pose_shift=3)
    poses, colors = describe(Hypothesis(pose_shift=-2, color_shift=1), now, film())
    text = "poses are 2 frames too early: that of a frame stands 2 frames before it"
    assert poses == (text, "--pose-shift 1")
    text = (
        "colour images are 1 frame too late: that of a frame stands 1 frame behind it"
    )
    assert colors == (text, "--color-shift 1")
