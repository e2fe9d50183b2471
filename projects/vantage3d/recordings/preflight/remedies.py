"""What a hypothesis says is wrong, in words, and the option that mends it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from vantage3d.recordings.preflight.footage import Film
from vantage3d.recordings.preflight.hypotheses import ROTATED, Hypothesis
from vantage3d.recordings.recording import Recording

DIRECTIONS = {"cam2world": "camera-to-world", "world2cam": "world-to-camera"}
AXES = {
    "opencv": "OpenCV axes (x right, y down, z forward)",
    "opengl": "OpenGL axes (x right, y up, z backward)",
    "ros": "ROS body axes (x forward, y left, z up)",
}
UNITS = {1000.0: "millimetres", 100.0: "centimetres"}
Told = tuple[str, str]


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
        intrinsics_size: (W, H) of the images that intrinsics are for; None for those
            of the depth maps.
        options: Options that the command has; None for all of them.
    """

    title: str
    depth_scale: float
    poses: str = "cam2world"
    axes: str = "opencv"
    pose_units: float = 1.0
    pose_shift: int = 0
    color_shift: int = 0
    along_rays: bool = False
    intrinsics_size: tuple[int, int] | None = None
    options: tuple[str, ...] | None = None


def meaning(recording: Recording) -> Meaning:
    """What a recording's files are taken to mean, with what its owner said."""
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
        said.intrinsics_size,
    )


def describe(guess: Hypothesis, now: Meaning, film: Film) -> list[Told]:
    """What a hypothesis says is wrong, and the remedy of each."""
    sized = replace(now, intrinsics_size=now.intrinsics_size or film.size)
    told = {name: _TELL[name](guess, sized) for name in guess.changes if name in _TELL}
    if guess.focal != 1:
        told["focal"] = _focal(guess.focal, film.focal)
    if now.options is None:
        return list(told.values())
    return [
        (text, remedy if remedy.split()[0] in now.options else _WORDS.get(name, remedy))
        for name, (text, remedy) in told.items()
    ]


def not_told(guesses: Iterable[Hypothesis]) -> str:
    """What is not known where some single changes do as well, as a list.

    What one cause would explain is one entry: poses and colour that are late, focal
    lengths of one camera and of both.
    """
    values: defaultdict[str, list] = defaultdict(list)
    for guess in guesses:
        for name, value in guess.changes.items():
            values[_NOT_TOLD[name]].append(value)
    words = [what.format(_span(found)) for what, found in values.items()]
    return ", or ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def _span(values: list) -> str:
    """Changes from the least to the most, in percent, or the most frames."""
    if isinstance(values[0], int):
        most = max(map(abs, values))
        return f"{most} frame{'s' * (most > 1)}"
    if not isinstance(values[0], float):
        return ""
    least, most = (round(100 * (value - 1)) for value in (min(values), max(values)))
    return f"{least:+d}" if least == most else f"{least:+d} to {most:+d}"


def _inverted(guess: Hypothesis, now: Meaning) -> Told:
    (then,) = (name for name in DIRECTIONS if name != now.poses)
    text = (
        f"the poses are {DIRECTIONS[then]}, and those of this format ({now.title}) are "
        f"{DIRECTIONS[now.poses]}"
    )
    return text, f"--poses {then}"


def _axes(guess: Hypothesis, now: Meaning) -> Told:
    text = f"the cameras of the poses have {AXES[guess.axes or now.axes]}"
    return f"{text}, not {AXES[now.axes]}", f"--axes {guess.axes}"


def _scale(guess: Hypothesis, now: Meaning) -> Told:
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


def _units(guess: Hypothesis, now: Meaning) -> Told:
    units = now.pose_units * guess.units
    name = UNITS.get(units, f"1/{units:g} m")
    return f"translations of the poses are in {name}", f"--pose-units {units:g}"


def _pose_shift(guess: Hypothesis, now: Meaning) -> Told:
    text = _places("pose", guess.pose_shift)
    return text, f"--pose-shift {now.pose_shift + guess.pose_shift}"


def _color_shift(guess: Hypothesis, now: Meaning) -> Told:
    text = _places("colour image", guess.color_shift)
    return text, f"--color-shift {now.color_shift + guess.color_shift}"


def _places(what: str, shift: int) -> str:
    late, side = ("late", "behind") if shift > 0 else ("early", "before")
    frames = f"{abs(shift)} frame{'s' * (abs(shift) > 1)}"
    return f"{what}s are {frames} too {late}: that of a frame stands {frames} {side} it"


def _focal(factor: float, now: float) -> Told:
    text = (
        f"the focal length is {abs(factor - 1):.0%} too "
        f"{'short' if factor > 1 else 'long'}: about {now * factor:.4g} pixels fit the "
        f"views, the files say {now:.4g}"
    )
    return text, "Calibrate the camera, or write its focal length into the intrinsics"


def _size(guess: Hypothesis, now: Meaning) -> Told:
    size = now.intrinsics_size or (0, 0)
    width, height = (round(side / guess.size) for side in size)
    text = (
        f"the intrinsics are for images of {width}x{height}, and are taken for "
        f"{size[0]}x{size[1]}"
    )
    return text, f"--intrinsics-size {width}x{height}"


def _rays(guess: Hypothesis, now: Meaning) -> Told:
    if now.along_rays:
        text = "depth maps hold z-depth, not the distance along the ray"
        return text, "Leave out --along-rays"
    text = "depth maps hold the distance along the ray, not z-depth"
    return text, "--along-rays"


def _flip(guess: Hypothesis, now: Meaning) -> Told:
    text = f"the images are mirrored {guess.flip}"
    if guess.flip == "up-down":
        text += ", or poses are of a left-handed system with y up, as Unity's are"
    return text, f"Mirror colour and depth back {guess.flip}, or convert the poses"


def _color_flip(guess: Hypothesis, now: Meaning) -> Told:
    text = "the colour images are mirrored left-right against the depth maps"
    return text, "Mirror the colour images back"


def _color_focal(guess: Hypothesis, now: Meaning) -> Told:
    text = (
        "a colour camera of its own fits better, with a focal length of "
        f"{guess.color_focal:.0%} of that of depth"
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
    "size": _size,
    "rays": _rays,
    "flip": _flip,
    "color_flip": _color_flip,
    "color_focal": _color_focal,
}
_NOT_TOLD = {
    "inverted": "poses of the other direction",
    "axes": "cameras of other axes",
    "scale": "another unit of depth",
    "units": "another unit of translations",
    "pose_shift": "poses or colour up to {} off",
    "color_shift": "poses or colour up to {} off",
    "focal": "a focal length {} % off",
    "size": "intrinsics of another size",
    "rays": "depth along rays",
    "flip": "mirrored images",
    "color_flip": "mirrored images",
    "color_focal": "a focal length {} % off",
}
_WORDS = {  # where a command has no option
    "inverted": "Invert the matrices",
    "axes": "Turn the axes of the matrices' cameras",
    "scale": "Write depth in the units that the layout has",
    "units": "Write translations in metres",
    "pose_shift": "Move the poses by as many frames",
    "color_shift": "Move the colour images by as many frames",
    "size": "Write the intrinsics for the size of the images",
    "rays": "Write z-depth",
}
