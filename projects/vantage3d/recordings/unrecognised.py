"""What is said of a folder or file that is no recording, or only a part of one."""

import re
from difflib import get_close_matches
from pathlib import Path

from vantage3d.io.folders import folders_in, listing
from vantage3d.recordings.layouts import LAYOUTS, whole_layouts
from vantage3d.recordings.recording import Look
from vantage3d.recordings.stray import archives

ABOVE = 3  # folders above what was given, in which a recording is looked for
NAMED = 8  # files that a message names
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
    "Scene01": "vkitti",
}
# Folders of an RGB-D folder, and what others call them.
RENAMED = {"depth": r"depth|disparity", "pose": r"pose|extrinsic|trajector"}
RENAMED |= {"color": r"colou?r|rgb|image|photo|frame"}
PREPARED = {"train.npz", "val.npz", "test.npz"}  # frame indexes
# What recordings are kept in that nobody here reads, and what is no recording.
OTHERS = {
    **dict.fromkeys((".oni", ".svo", ".svo2", ".klg"), "a camera's own recording"),
    **dict.fromkeys((".ply", ".obj", ".glb", ".pcd"), "a reconstruction"),
    **dict.fromkeys((".npz", ".safetensors", ".pth"), "what was made by a tool"),
}


def unknown(root: Path) -> str:
    """What lies there, which recording it is part of, or which layouts come near."""
    if root.is_file():
        text = f"no layout of a recording is a file such as {root}"
        if other := OTHERS.get(root.suffix.lower()):
            text += f", which is {other}"
    else:
        names = [p.name + "/" * p.is_dir() for p in listing(root)]
        if not names:
            return f"{root} is empty. Give the folder that holds the recording's files"
        shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
        text = f"no layout of a recording fits {root}, which holds {shown}"
    if whole := part_of(root):
        return f"{text}. {whole}"
    if packed := archives(root):
        return f"{text}. Unpack {packed[0].name}, if the recording is in it"
    if {path.name for path in listing(root)} & PREPARED:
        return f"{text}. It is a prepared dataset: training reads it, --data-root"
    commands = [name for mark, name in DATASETS.items() if (root / mark).exists()]
    if commands:
        return f"{text}. It looks like data for `create_data.py {commands[0]}`"
    near = nearest(root) or _renamed(root) or "data/README.md shows the layouts"
    return f"{text}. {near}"


def nearest(root: Path) -> str:
    """Layouts that a folder has parts of, those with poses first, and their lacks."""
    kinds = LAYOUTS.values() if root.is_dir() else ()
    looks = [look for kind in kinds if (look := kind.look(root)).found]
    begun = [k for k in looks if LAYOUTS[k.layout].posed]
    begun = begun or [k for k in looks if k.lacking]
    return "; ".join(
        f"this looks like {LAYOUTS[k.layout].title} ({', '.join(k.found)}): {lack(k)}"
        for k in sorted(begun, key=lambda look: len(look.lacking))[:3]
    )


def _renamed(root: Path) -> str:
    """How folders of other names, here or in a scene, become an RGB-D folder."""
    for scene in (root, *folders_in(root)[:1]):
        names = [path.name for path in folders_in(scene)]
        meant: dict[str, str] = {}
        for part, words in RENAMED.items():
            fits = [n for n in names if re.search(words, n, re.I) and n not in meant]
            meant |= dict.fromkeys(fits[:1], part)
        if "color" in meant.values() and len(meant) > 1:
            told = ", ".join(f"{name}/ to {part}/" for name, part in meant.items())
            lacking = sorted({*RENAMED} - {*meant.values()})
            lacking = [*(f"{part}/" for part in lacking), "intrinsic.txt (3 x 3)"]
            return (
                f"{scene} is an RGB-D folder once {told} are renamed and "
                f"{', '.join(lacking)} added: a file per frame in each folder, named "
                "alike, and poses 4 x 4, camera to world"
            )
    return ""


def lack(look: Look) -> str:
    """What a layout needs and did not find."""
    verb = "are" if len(look.lacking) > 1 else "is"
    return f"{', '.join(look.lacking)} {verb} missing"


def part_of(root: Path) -> str:
    """The recording that a folder or file is a part of; empty without one."""
    for above in root.resolve().parents[:ABOVE]:
        marked = MARKS & {path.name for path in listing(above)}
        if marked and (kinds := whole_layouts(above)) and kinds[0].posed:
            return f"{above} is a recording ({kinds[0].title}): give that folder"
    return ""


def alike(root: Path) -> str:
    """What is there instead of a folder that does not exist."""
    above = next((path for path in root.absolute().parents if path.is_dir()), None)
    names = [path.name for path in listing(above)] if above else []
    near = get_close_matches(root.name, names, 1)
    if near and above == root.absolute().parent:
        return f": is it {above / near[0]}?"
    return f" below {above}, which is there. Give the recording's folder"
