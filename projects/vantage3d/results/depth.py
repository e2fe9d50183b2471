"""Depth maps as 16-bit PNG, in units that a file beside them says."""

import json
from pathlib import Path

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import seal
from vantage3d.io.depth_files import write_depth_png
from vantage3d.io.folders import keep_only
from vantage3d.io.images import FULL
from vantage3d.results.prediction import ScenePrediction

# Units per metre: ScanNet's, KITTI's, then what is left of 16 bits.
SCALES = (1000, 256, 100, 10, 1)


def write(scene: ScenePrediction, folder: Path) -> list[Path]:
    """``depth/FRAME.png`` and ``depth/scale.json``.

    Raises:
        ValueError: If no frame has depth, or one is beyond 16 bits.
    """
    scale = depth_scale(scene)
    write_depth_maps(scene, folder / "depth", scale)
    unit = "units_per_metre" if scene.frames[0].metric else "units_per_length"
    facts = seal(json.dumps({unit: scale, "missing": 0}))
    atomic_write_bytes(folder / "depth" / "scale.json", facts)
    return [folder / "depth"]


def write_depth_maps(scene: ScenePrediction, folder: Path, scale: int) -> None:
    """``FRAME.png`` of every frame with depth in ``folder``, and no other."""
    names = []
    for frame in scene.frames:
        if frame.depth is not None:
            names.append(f"{frame.name}.png")
            write_depth_png(folder / names[-1], frame.depth, scale)
    keep_only(folder, names, ".png")


def depth_scale(scene: ScenePrediction) -> int:
    """Units per metre, as fine as the largest depth of the scene allows.

    Raises:
        ValueError: If no frame has depth, or the largest is beyond 16 bits.
    """
    farthest, where = 0.0, ""
    for frame in scene.frames:
        if frame.depth is not None and frame.depth.max() > farthest:
            farthest, where = float(frame.depth.max()), frame.name
    if not where:
        raise ValueError(
            f"scene {scene.name} has no frame with depth. Predict it, or leave depth "
            "out of what is saved"
        )
    fitting = [scale for scale in SCALES if round(farthest * scale) < FULL]
    if not fitting:
        raise ValueError(
            f"depth of frame {where} goes to {farthest:.6g}, 16 bits end at "
            f"{FULL - 1}. That is no depth of a camera: look at the frame, or save "
            "npz alone"
        )
    return fitting[0]
