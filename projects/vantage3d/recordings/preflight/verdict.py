"""What is said of a comparison: the mistake, the evidence, the option to paste."""

from dataclasses import dataclass

import numpy as np

from vantage3d.recordings.findings import Finding, Level
from vantage3d.recordings.preflight.agreement import Agreement
from vantage3d.recordings.preflight.footage import Footage
from vantage3d.recordings.preflight.hypotheses import OF_COLOR, ROTATED, Hypothesis
from vantage3d.recordings.preflight.search import Comparison
from vantage3d.recordings.recording import Recording

# Share of the best score below which the recording as it is read is certainly wrong,
# and the gain in standard errors that this takes.
POOR, CERTAIN = 0.9, 5.0
LITTLE = 0.3  # of the points that are seen: views that agree less show nothing
FEW = 0.05  # of the points, likewise: so many must be seen
DIRECTIONS = {"cam2world": "camera-to-world", "world2cam": "world-to-camera"}
AXES = {
    "opencv": "OpenCV axes (x right, y down, z forward)",
    "opengl": "OpenGL axes (x right, y up, z backward)",
    "ros": "ROS body axes (x forward, y left, z up)",
}
UNITS = {1000.0: "millimetres", 100.0: "centimetres"}


@dataclass(frozen=True)
class Meaning:
    """What files are taken to mean now, in the words of their format.

    Attributes:
        title: The format, such as ``RGB-D folder``.
        depth_scale: Units of depth maps per metre.
        poses: Direction of the matrices, a key of ``DIRECTIONS``.
        axes: Axes of the cameras that poses are of.
        pose_units: Units of translations per metre.
        pose_shift: Places by which poses are moved.
        color_shift: Places by which colour images are moved.
        along_rays: Whether depth maps hold distances.
        intrinsics_size: (W, H) of the images that intrinsics are for.
        focal: Pixels, of the first frame's depth.
        options: Whether the command has options for all of it.
    """

    title: str
    depth_scale: float
    poses: str
    axes: str
    pose_units: float
    pose_shift: int
    color_shift: int
    along_rays: bool
    intrinsics_size: tuple[int, int]
    focal: float
    options: bool = True


def meaning(recording: Recording, size: tuple[int, int], focal: float) -> Meaning:
    """What a recording's files are taken to mean, with what its owner said.

    Args:
        recording: The recording.
        size: (W, H) of its depth maps.
        focal: Focal length of their camera, pixels.
    """
    said = recording.remedies
    return Meaning(
        recording.title,
        said.depth_scale or recording.depth_scale,
        said.poses or recording.poses,
        said.axes or recording.axes,
        said.pose_units,
        said.pose_shift,
        said.color_shift,
        said.along_rays,
        said.intrinsics_size or size,
        focal,
    )


def describe(guess: Hypothesis, now: Meaning) -> list[tuple[str, str]]:
    """What a hypothesis says is wrong, and the remedy of each."""
    return [_TELL[name](guess, now) for name in guess.changes]


def _inverted(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    (then,) = (name for name in DIRECTIONS if name != now.poses)
    text = (
        f"the poses are {DIRECTIONS[then]}, and those of this format ({now.title}) are "
        f"{DIRECTIONS[now.poses]}"
    )
    return text, f"--poses {then}"


def _axes(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    text = f"the cameras of the poses have {AXES[guess.axes or now.axes]}"
    return f"{text}, not {AXES[now.axes]}", f"--axes {guess.axes}"


def _scale(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    scale = now.depth_scale / guess.scale
    option = f"--depth-scale {scale:.6g}"
    if guess.scale == ROTATED:
        text = (
            "the bits of the depth images are rotated by three, as SUN3D's are: all "
            "values are multiples of 8, and depth is 8 times too large"
        )
        return text, option
    factor, word = guess.scale, "small"
    if guess.scale < 1:
        factor, word = 1 / guess.scale, "large"
    text = (
        f"depth is {factor:.5g} times too {word}: the depth maps have {scale:.6g} "
        f"units per metre, not {now.depth_scale:.6g}"
    )
    return text, option


def _units(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    units = now.pose_units * guess.units
    name = UNITS.get(units, f"1/{units:g} m")
    return f"translations of the poses are in {name}", f"--pose-units {units:g}"


def _pose_shift(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    text = f"poses are {_places(guess.pose_shift)}: a frame's pose stands there"
    return text, f"--pose-shift {now.pose_shift + guess.pose_shift}"


def _color_shift(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    text = f"colour is {_places(guess.color_shift)}: a frame's colour stands there"
    return text, f"--color-shift {now.color_shift + guess.color_shift}"


def _places(shift: int) -> str:
    count = abs(shift)
    where = "late" if shift > 0 else "early"
    return f"{count} frame{'s' * (count > 1)} too {where}"


def _focal(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    then = now.focal * guess.focal
    text = (
        f"the focal length is {abs(guess.focal - 1):.0%} too "
        f"{'short' if guess.focal > 1 else 'long'}: about {then:.4g} pixels fit the "
        f"views, the files say {now.focal:.4g}"
    )
    return text, "Calibrate the camera, or write its focal length into the intrinsics"


def _size(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    width, height = (round(side / guess.size) for side in now.intrinsics_size)
    text = (
        f"the intrinsics are for images of {width}x{height}, and are taken for "
        f"{now.intrinsics_size[0]}x{now.intrinsics_size[1]}"
    )
    return text, f"--intrinsics-size {width}x{height}"


def _rays(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    if now.along_rays:
        text = "depth maps hold z-depth, not the distance along the ray"
        return text, "Leave out --along-rays"
    text = "depth maps hold the distance along the ray, not z-depth"
    return text, "--along-rays"


def _flip(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    text = f"the images are mirrored {guess.flip}"
    if guess.flip == "up-down":
        text += ", or poses are of a left-handed system with y up, as Unity's are"
    return text, f"Mirror colour and depth back {guess.flip}, or convert the poses"


def _color_flip(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    text = "the colour images are mirrored left-right against the depth maps"
    return text, "Mirror the colour images back"


def _color_focal(guess: Hypothesis, now: Meaning) -> tuple[str, str]:
    text = (
        "colour is of another camera than depth: a focal length of "
        f"{guess.color_focal:.0%} of that of depth fits it"
    )
    return text, (
        "Give the colour camera its own intrinsics (intrinsic_color.txt in an RGB-D "
        "folder), or features and colours are read off their place"
    )


_TELL = {
    "inverted": _inverted,
    "axes": _axes,
    "scale": _scale,
    "units": _units,
    "pose_shift": _pose_shift,
    "color_shift": _color_shift,
    "focal": _focal,
    "size": _size,
    "rays": _rays,
    "flip": _flip,
    "color_flip": _color_flip,
    "color_focal": _color_focal,
}


def judge(
    name: str, film: Footage, comparison: Comparison, now: Meaning
) -> list[Finding]:
    """The finding of a comparison.

    Args:
        name: Name of the sequence.
        film: What was compared.
        comparison: How.
        now: What the files are taken to mean.
    """
    given, best = comparison.given_agreement, comparison.best_agreement
    where = f"{len(film.pairs)} pairs of views, {_apart(film)}"
    if comparison.best.changes:
        told = describe(comparison.best, now)
        level: Level = "error" if _certain(comparison) else "warning"
        wrong = "; and ".join(text for text, _ in told)
        evidence = f"as the files are read, {_told(given)}; so it is {_told(best)}"
        text = f"{name}: {'perhaps ' * (level == 'warning')}{wrong}: {evidence}"
        return [Finding(level, f"{text} ({where})", _remedy(told))]
    text = f"{name}: {_told(given)} ({where})"
    if _mean(given.landed) < LITTLE or _mean(given.seen) < FEW:
        text = f"{text}; no other reading of the files agrees better"
        return [Finding("warning", text, "Check that the poses belong to the images")]
    return [Finding("info", text)]


def _certain(comparison: Comparison) -> bool:
    """Whether the files as they are read are wrong beyond doubt."""
    given, best = comparison.given_agreement, comparison.best_agreement
    if "color_focal" in comparison.best.changes or comparison.errors < CERTAIN:
        return False
    both = np.isfinite(given.score) & np.isfinite(best.score)
    of_depth = comparison.best.changes.keys() - OF_COLOR
    # What is said of depth and poses must show in depth and poses.
    if of_depth and _mean((best.surface - given.surface)[both]) < 0:
        return False
    return _mean(given.score[both]) < POOR * _mean(best.score[both])


def _told(agreement: Agreement) -> str:
    return (
        f"{_mean(agreement.landed):.0%} of the points that another view sees lie on "
        f"its surface and colours correlate by {_mean(agreement.color):.2f}"
    )


def _remedy(told: list[tuple[str, str]]) -> str:
    """Options in one piece, then what has none."""
    options = " ".join(remedy for _, remedy in told if remedy.startswith("--"))
    words = [remedy for _, remedy in told if not remedy.startswith("--")]
    return ". ".join([*([f"Give {options}"] if options else []), *words])


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0


def _apart(film: Footage) -> str:
    """How far views of the pairs are from each other."""
    angles, moves = (values[tuple(film.pairs.T)] for values in film.motion)
    low, high = np.percentile(angles, (5, 95))
    move = float(np.median(moves))
    return f"{low:.0f} to {high:.0f} degrees and {move:.2g} m apart"
