"""Files of the owner that a default, or nothing, would replace: used, or mentioned."""

import re
from pathlib import Path

from vantage3d.io.folders import folders_in, is_foreign, listing, natural_order
from vantage3d.recordings.recording import Camera, Recording

NAMES = re.compile(r"intrin|calib|camera|^k$|^k[_-]", re.IGNORECASE)
SENSORS = {"depth": r"depth|_ir\b", "color": r"colou?r|rgb"}
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
TEXTS = (".txt", ".csv", ".dat")


def stray_intrinsics(folder: Path, root: Path, sensor: str = "depth") -> list[Path]:
    """Files that may hold intrinsics, where no layout expects them.

    Args:
        folder: Of a sequence; its own folders are looked into, such as ``pose``, and
            those above it up to ``root``.
        root: Of the recording.
        sensor: ``depth`` or ``color``: files named for the other are left out.
    """
    above = [p for p in folder.parents if root in (p, *p.parents)]
    inside = [path for path in listing(folder) if path.is_dir()]
    other = SENSORS["color" if sensor == "depth" else "depth"]
    files = [path for place in (folder, *inside, *above) for path in listing(place)]
    return [
        path
        for path in files
        if NAMES.search(path.stem)
        and path.suffix.lower() in TEXTS
        and not re.search(other, path.stem, re.IGNORECASE)
        and path.is_file()
    ]


def camera_elsewhere(
    recording: Recording,
    folder: Path,
    size: tuple[int, int],
    expected: str,
    sensor: str = "depth",
) -> Camera | None:
    """The camera of a file that lies where the layout does not expect it, and say so.

    Args:
        recording: The recording.
        folder: Of a sequence.
        size: (W, H) of the images.
        expected: File that is not there, for the message.
        sensor: ``depth`` or ``color``.
    """
    refused = []
    for path in stray_intrinsics(folder, recording.root, sensor):
        try:
            camera = recording.camera(path, size)
        except ValueError as error:
            refused.append(f"{path} is not read as intrinsics: {error}")
            continue
        recording.assumed(f"{folder} has no {expected}: {path} is taken for it")
        return camera
    for text in refused:
        recording.assumed(text)
    return None


def nominal_camera(
    recording: Recording,
    folder: Path,
    size: tuple[int, int],
    expected: str,
    nominal: Camera,
    whose: str,
) -> Camera:
    """:func:`camera_elsewhere`, or else the one that a dataset's cameras are taken for.

    Args:
        recording: The recording.
        folder: Of a sequence.
        size: (W, H) of the images.
        expected: File that is not there, for the message.
        nominal: For images of its own size alone.
        whose: "of 7-Scenes are taken, fx = ...", for the message.

    Raises:
        ValueError: If the images have another size.
    """
    if found := camera_elsewhere(recording, folder, size, expected):
        return found
    if size != nominal.size:
        raise ValueError(
            f"{folder} has no {expected} and images of {size[0]}x{size[1]}; the "
            f"nominal intrinsics are for {nominal.size[0]}x{nominal.size[1]}. Write "
            "the 3x3 intrinsics of your images there"
        )
    recording.assumed(f"{folder} has no {expected}: the nominal intrinsics {whose}")
    return nominal


def mention_archives(recording: Recording) -> None:
    """Say which archives lie unpacked among the files of a recording."""
    if not recording.root.is_dir():
        return
    found = archives(recording.root)
    if found:
        names = ", ".join(p.relative_to(recording.root).as_posix() for p in found[:3])
        more = f" and {len(found) - 3} others" if len(found) > 3 else ""
        recording.assumed(
            f"{recording.root} holds archives that are not read: {names}{more}. Unpack "
            "them if they belong to the recording"
        )


def archives(root: Path) -> list[Path]:
    """Archives in a folder and in the folders of it; none in a file."""
    places = (root, *folders_in(root)) if root.is_dir() else ()
    packed = [p for f in places for p in f.iterdir() if p.suffix.lower() in ARCHIVES]
    found = [path for path in packed if path.is_file() and not is_foreign(path)]
    return sorted(found, key=lambda p: (p.parent != root, natural_order(str(p))))
