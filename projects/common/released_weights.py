"""Released weights that configs start from, and how to get them."""

from pathlib import Path

FOLDER = "work_dirs/pretrained"
RELEASED = {
    "mask3d_scannet200.pth": (
        "OneFormer3D release v1.0 (GitHub assets); initialises ESAM single view"
    ),
}


def how_to_fetch(path: str | Path) -> str:
    """``; ...`` for an error message when ``path`` names a released file, else empty.

    Args:
        path: A file of weights that is not there.
    """
    source = RELEASED.get(Path(path).name)
    if source is None:
        return ""
    return (
        f"; it comes from {source}. Put it there, give another file with --cfg-options "
        "load_from=FILE, or train from scratch: load_from=None load_from_policy=None"
    )
