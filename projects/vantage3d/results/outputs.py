"""What is made of a predicted scene: a table of outputs, each in a file of its own."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # --help needs the table alone
    from vantage3d.results.prediction import ScenePrediction

# Name of --save -> module of this room with ``write(scene, folder) -> list[Path]``,
# which writes below the folder and returns what; and what that is, for --help.
OUTPUTS: dict[str, tuple[str, str]] = {
    "depth": ("depth", "16-bit PNG of every depth map, and their scale"),
    "ply": ("ply", "coloured points of the scene, and of each instance"),
    "mesh": ("mesh", "coloured triangles, fused from depth"),
    "colmap": ("colmap", "cameras, images and points as a COLMAP model"),
    "transforms": ("transforms", "transforms.json with images, as nerfstudio's"),
    "coco": ("masks", "masks as COCO's run lengths"),
    "video": ("video", "image, instances, depth and superpoints side by side"),
    "rerun": ("rerun_scene", "a recording for the rerun viewer"),
    "html": ("page", "one page to look around in, in any browser, offline"),
}


def save(scene: "ScenePrediction", folder: Path, kinds: Iterable[str]) -> list[Path]:
    """Make outputs of a scene.

    Args:
        scene: The scene.
        folder: Where they go.
        kinds: Names in :data:`OUTPUTS`.

    Returns:
        The files that people open.

    Raises:
        ImportError: If a library that an output needs is missing; how to install it.
        ValueError: If the scene has not what an output needs.
    """
    written = []
    for kind in kinds:
        module = import_module(f"vantage3d.results.{OUTPUTS[kind][0]}")
        written += module.write(scene, folder)
    return written
