"""Facts that single files tell about a recording, without comparing views."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from vantage3d.io.depth_files import read_stored
from vantage3d.io.matrices import check_intrinsics, fitting_size
from vantage3d.process.spacing import evenly_spaced
from vantage3d.recordings.color_facts import color_facts, look_at_color
from vantage3d.recordings.depth_facts import Units, depth_facts
from vantage3d.recordings.findings import Finding, Level, errors
from vantage3d.recordings.recording import RecordedFrame, Recording
from vantage3d.recordings.scene_facts import room_size, size_facts, up_facts

LOOKED_AT = 8  # frames of a sequence, evenly over it
OFF_MIDDLE = 0.1  # of the sides, that a principal point may be off without a word


def file_facts(recording: Recording, sequence: str) -> list[Finding]:
    """What the files of a sequence tell, each by itself; errors first.

    Eight frames are read whole, the matrices of all.

    Raises:
        FileNotFoundError: If files of the whole sequence are missing.
        ValueError: If they cannot be used at all.
    """
    names = recording.names(sequence)
    if not names:
        return [Finding("error", f"{sequence} has no frames", "Check its folder")]
    places = evenly_spaced(len(names), LOOKED_AT)
    listed = recording.frames(sequence, [names[place] for place in places])
    frames = [frame for frame in listed if isinstance(frame, RecordedFrame)]
    reasons = [one.reason for one in listed if not isinstance(one, RecordedFrame)]
    found = _unusable(len(listed), reasons)
    if frames:
        found += _camera_facts(frames)
        if not recording.packed:
            found += _color_facts(recording, frames)
            found += _depth_facts(recording, frames)
        if not errors(found):
            found += _scene_facts(recording, frames)
    found += [Finding("warning", text) for text in recording.defaults]
    return sorted(found, key=lambda one: ("error", "warning", "info").index(one.level))


def _unusable(count: int, reasons: Sequence[str]) -> list[Finding]:
    """Why frames cannot be used; one reason stands for all that are alike."""
    if not reasons:
        return []
    text = f"{len(reasons)} of {count} frames looked at cannot be used: {reasons[0]}"
    return [Finding("error" if len(reasons) == count else "warning", text)]


def _camera_facts(frames: Sequence[RecordedFrame]) -> list[Finding]:
    """Intrinsics that do not fit their images; readers of some layouts check less."""
    found, frame = [], frames[0]
    of_color, of_depth = frame.color_camera, frame.depth_camera
    cameras = [("depth", of_depth, frame.depth)] if of_depth else []
    if of_color and (
        not of_depth or not np.allclose(of_color.K, of_depth.resized(of_color.size).K)
    ):
        cameras.append(("colour", of_color, frame.color))
    for kind, camera, path in cameras:
        (width, height), K = camera.size, camera.K
        try:
            check_intrinsics(K, camera.size, f"of the {kind} camera of {path}")
        except ValueError as error:
            return [Finding("error", str(error))]
        x, y = (K[:2, 2] + 0.5) / camera.size
        angle = 2 * np.degrees(np.arctan(width / 2 / K[0, 0]))
        text = (
            f"the {kind} camera sees {angle:.0f} degrees across {width}x{height} pixels"
        )
        found.append(Finding("info", text))
        if max(abs(x - 0.5), abs(y - 0.5)) > OFF_MIDDLE:
            fit = fitting_size(K, camera.size)
            remedy = "Check whether the intrinsics are those of these images"
            if fit:
                remedy = f"--intrinsics-size {fit[0]}x{fit[1]}, if they are of those"
            text = (
                f"the principal point of the {kind} camera lies at {x:.0%} of the "
                f"width and {y:.0%} of the height, expected about 50 %"
            )
            found.append(Finding("warning", text, remedy))
    return found


def _color_facts(
    recording: Recording, frames: Sequence[RecordedFrame]
) -> list[Finding]:
    """Facts of image files; videos have none, and photographs are read upright."""
    files, damaged = [], []
    for frame in [frame for frame in frames if frame.place is None]:
        try:
            files.append(look_at_color(frame.color))
        except (OSError, SyntaxError, ValueError) as error:
            text = f"colour image {frame.color} cannot be read ({error})"
            damaged.append(f"{text}. Export it again")
    found = _damaged(damaged, len(files))
    if not recording.posed:
        files = [file._replace(orientation=1) for file in files]
    camera = frames[0].depth_camera
    if files:
        found += color_facts(files, None if camera is None else camera.size)
    return found


def _damaged(reasons: list[str], good: int) -> list[Finding]:
    """A damaged file is left out and counted when frames are read; all are too many."""
    if not reasons:
        return []
    level: Level = "warning" if good else "error"
    count = len(reasons)
    several = f"{count} of {count + good} files looked at are damaged. First: "
    return [Finding(level, several * (count > 1) + reasons[0])]


def _depth_facts(
    recording: Recording, frames: Sequence[RecordedFrame]
) -> list[Finding]:
    """Facts of the stored values; bits of SUN3D's are turned first."""
    paths: list[Path] = [frame.depth for frame in frames if frame.depth is not None]
    if not paths:
        return [Finding("info", "there are no depth maps")]
    stored, damaged = {}, []
    for path in paths:
        try:
            stored[path] = read_stored(path, recording.rotated_bits)
        except (FileNotFoundError, ValueError) as error:
            damaged.append(str(error))
    found = _damaged(damaged, len(stored))
    if not stored:
        return found
    said = recording.remedies
    scale = said.depth_scale or recording.depth_scale
    return found + depth_facts(stored, Units(scale, said.missing))


def _scene_facts(
    recording: Recording, frames: Sequence[RecordedFrame]
) -> list[Finding]:
    """The size of the room and where up is, from frames with poses and depth."""
    poses = [f.cam2world for f in frames if f.cam2world is not None]
    if len(poses) < len(frames):
        return [Finding("info", "there are no poses")]
    found = up_facts(np.stack(poses))
    views = []
    for frame, pose in zip(frames, poses):
        with suppress(FileNotFoundError, ValueError):  # told by its own facts
            if frame.depth_camera is not None:
                depth = recording.read_depth(frame)
                views.append((depth, frame.depth_camera.K, pose))
    if views:
        size = room_size(*zip(*views))
        scale = recording.remedies.depth_scale or recording.depth_scale
        found = [*size_facts(size, scale), *found]
    return found
