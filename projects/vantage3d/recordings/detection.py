"""Which layout a folder has, by the names of what lies in it."""

from difflib import get_close_matches
from pathlib import Path

from mmengine.logging import print_log

from vantage3d.checks import check_choice
from vantage3d.io.folders import listing
from vantage3d.recordings.layouts import LAYOUTS
from vantage3d.recordings.options import Remedies
from vantage3d.recordings.recording import Look, Recording
from vantage3d.recordings.stray import archives, mention_archives

Kind = type[Recording]
ABOVE = 3  # folders above what was given, in which a recording is looked for
# Names that lie right in the folder of a recording, and nowhere else.
MARKS = {
    *("color", "rgb", "depth", "pose", "image", "images", "sparse", "extrinsics"),
    *("rgb.txt", "groundtruth.txt", "intrinsic.txt", "intrinsics.txt", "traj.txt"),
    *("transforms.json", "results", "2D", "scans", "keyframes"),
}
# What lies in datasets that commands of their own read.
DATASETS = {
    "data_2d_raw": "kitti360",
    "velodyne_points": "kitti360_single",
    "annotations": "annotations",
    "cam.info.txt": "apc_shelf",
}
PREPARED = {"train.npz", "val.npz", "test.npz"}  # frame indexes
# What recordings are kept in that nobody here reads, and what is no recording.
OTHERS = {
    **dict.fromkeys((".bag", ".db3", ".mcap"), "a ROS bag"),
    **dict.fromkeys((".oni", ".svo", ".svo2", ".klg"), "a camera's own recording"),
    **dict.fromkeys((".ply", ".obj", ".glb", ".pcd"), "a reconstruction"),
    **dict.fromkeys((".npz", ".safetensors", ".pth"), "what was made by a tool"),
}


def open_recording(
    root: str | Path, layout: str | None = None, remedies: Remedies | None = None
) -> Recording:
    """The recording in a folder, in the layout that it has.

    Args:
        root: A folder or a file. The one recording in a folder of it is opened.
        layout: A name in :data:`LAYOUTS` instead of looking.
        remedies: What the owner says about the files.

    Raises:
        FileNotFoundError: If there is nothing at ``root``.
        ValueError: If no layout fits, or not the one that was asked for; the message
            names the nearest ones and what they lack.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"{root} does not exist{_alike(root)}")
    if layout is None:
        root, kind = _recognised(root)
    else:
        check_choice("--layout", layout, LAYOUTS)
        kind = LAYOUTS[layout]
        if (look := kind.look(root)).lacking:
            raise ValueError(f"{root} is no {kind.title}: {_lack(look)}")
    recording = kind(root, remedies or Remedies())
    mention_archives(recording)
    if layout is None:
        _mention_others(recording)
        if not recording.posed and (near := _nearest(root)):
            recording.assumed(f"{root} is read as {recording.title}, though {near}")
    return recording


def whole_layouts(root: Path) -> list[Kind]:
    """The layouts that a folder or file has, that of most parts first."""
    looks = [kind.look(root) for kind in LAYOUTS.values()]
    whole = [look for look in looks if look.found and not look.lacking]
    # What ``predict`` wrote has models of other layouts beside its frames.
    whole.sort(key=lambda look: (not LAYOUTS[look.layout].packed, -len(look.found)))
    return [LAYOUTS[look.layout] for look in whole]


def _mention_others(recording: Recording) -> None:
    """Say which sequences of another layout lie beside those that are read."""
    own = set(recording.sequences())
    for kind in whole_layouts(recording.root)[1:]:
        if rest := [
            name for name in kind(recording.root).sequences() if name not in own
        ]:
            recording.assumed(
                f"{recording.root} is read as {recording.title} and also holds "
                f"{kind.title}, {', '.join(rest[:3])}: --layout {kind.layout} reads it"
            )


def _recognised(root: Path) -> tuple[Path, Kind]:
    """Folder and layout of the recording at ``root``, or of the only one in it."""
    if kinds := whole_layouts(root):
        if not kinds[0].posed and (around := _around(root)):
            raise ValueError(
                f"{root} is a {kinds[0].title} without poses, and {around}, or "
                f"--layout {kinds[0].layout} to do without poses and depth"
            )
        return root, kinds[0]
    inside = [path for path in listing(root) if path.is_dir()]
    found = {path: kinds[0] for path in inside if (kinds := whole_layouts(path))}
    if MARKS & {path.name for path in inside}:  # parts of one recording are none each
        found = {path: kind for path, kind in found.items() if kind.posed}
    if len(found) == 1 and len(listing(root)) > 1:  # images beside other things
        found = {path: kind for path, kind in found.items() if kind.posed}
    if len(found) > 1:
        names = ", ".join(f"{p.name} ({kind.title})" for p, kind in found.items())
        raise ValueError(
            f"{root} holds {len(found)} recordings: {names}. Give one of them"
        )
    for path, kind in found.items():
        print_log(f"{root}: the recording is in {path.name}", logger="current")
        return path, kind
    raise ValueError(_unknown(root))


def _unknown(root: Path) -> str:
    """What lies there, which recording it is part of, or which layouts come near."""
    if root.is_file():
        text = f"no layout of a recording is a file such as {root}"
        if other := OTHERS.get(root.suffix.lower()):
            text += f", which is {other}"
    else:
        names = [p.name + "/" * p.is_dir() for p in listing(root)] or ["nothing"]
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        text = f"no layout of a recording fits {root}, which holds {shown}"
    if around := _around(root):
        return f"{text}. {around}"
    if packed := archives(root):
        return f"{text}. Unpack {packed[0].name}, if the recording is in it"
    if {path.name for path in listing(root)} & PREPARED:
        return f"{text}. It is a prepared dataset: training reads it, --data-root"
    commands = [name for mark, name in DATASETS.items() if (root / mark).exists()]
    if commands:
        return f"{text}. It looks like data for `create_data.py {commands[0]}`"
    return f"{text}. {_nearest(root) or 'data/README.md shows the layouts'}"


def _nearest(root: Path) -> str:
    """Layouts that a folder has parts of, those with poses first, and their lacks."""
    kinds = LAYOUTS.values() if root.is_dir() else ()
    looks = [look for kind in kinds if (look := kind.look(root)).found]
    begun = [k for k in looks if LAYOUTS[k.layout].posed]
    begun = begun or [k for k in looks if k.lacking]
    return "; ".join(
        f"this looks like {LAYOUTS[k.layout].title} ({', '.join(k.found)}): {_lack(k)}"
        for k in sorted(begun, key=lambda look: len(look.lacking))[:3]
    )


def _lack(look: Look) -> str:
    verb = "are" if len(look.lacking) > 1 else "is"
    return f"{', '.join(look.lacking)} {verb} missing"


def _around(root: Path) -> str:
    """The recording that a folder or file is a part of; empty without one."""
    for above in root.resolve().parents[:ABOVE]:
        marked = MARKS & {path.name for path in listing(above)}
        if marked and (kinds := whole_layouts(above)) and kinds[0].posed:
            return f"{above} is a recording ({kinds[0].title}): give that folder"
    return ""


def _alike(root: Path) -> str:
    """What is there instead of a folder that does not exist."""
    above = next((path for path in root.absolute().parents if path.is_dir()), None)
    names = [path.name for path in listing(above)] if above else []
    near = get_close_matches(root.name, names, 1)
    if near and above == root.absolute().parent:
        return f": is it {above / near[0]}?"
    return f" below {above}, which is there. Give the recording's folder"
