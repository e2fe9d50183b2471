"""Recordings for the rerun viewer; the only file that imports rerun."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.visualization.instances import FrameResult, compare

try:
    import rerun as rr
    import rerun.blueprint as rrb
except ImportError as error:
    raise ImportError(
        "Recordings need rerun: pip install rerun-sdk==0.23.1 (as in constraints.txt), "
        "or switch them off with `recording=False`."
    ) from error

RADIUS_M = 0.006
VOID = (200, 200, 200)
CLOUDS = ("colour", "ground_truth", "prediction")


def write_recording(
    path: str | Path, frames: Sequence[FrameResult], score_thr: float
) -> None:
    """Write a recording of the frames, one step of the timeline ``frame`` each.

    Each step has the points in the colours of the image, of the ground truth and of the
    prediction (a prediction in the colour of the truth that it matches), and the camera
    with its image. Open it with ``rerun FILE``.

    Args:
        path: The .rrd file.
        frames: Frames in the order of the timeline.
        score_thr: Predictions below it are not shown.
    """
    stream = rr.RecordingStream("vantage3d_instances")
    memory = stream.memory_recording()
    clouds = [
        rrb.Spatial3DView(
            origin="world",
            contents=[f"world/{name}", "world/camera/**"],
            name=name.replace("_", " "),
        )
        for name in CLOUDS
    ]
    image = rrb.Spatial2DView(origin="world/camera/image", name="image")
    caption = rrb.TextDocumentView(origin="caption", name="frame")
    left = rrb.Vertical(image, caption, row_shares=[4, 1])
    grid = rrb.Grid(left, *clouds, grid_columns=2)
    stream.send_blueprint(rrb.Blueprint(grid, collapse_panels=True))
    # points are in a z-up world, as ScanNet's
    stream.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    for number, frame in enumerate(frames):
        stream.set_time("frame", sequence=number)
        comparison = compare(frame, score_thr)
        colours = {
            "colour": frame.colours,
            "ground_truth": _of_points(comparison.gt_ids, comparison.gt_colours),
            "prediction": _of_points(comparison.pred_ids, comparison.pred_colours),
        }
        for name, values in colours.items():
            cloud = rr.Points3D(frame.points, colors=values, radii=RADIUS_M)
            stream.log(f"world/{name}", cloud)
        rotation, centre = frame.cam2world[:3, :3], frame.cam2world[:3, 3]
        stream.log("world/camera", rr.Transform3D(translation=centre, mat3x3=rotation))
        height, width = frame.image.shape[:2]
        pinhole = rr.Pinhole(
            image_from_camera=frame.K,
            width=width,
            height=height,
            camera_xyz=rr.ViewCoordinates.RDF,
            image_plane_distance=0.3,
        )
        stream.log("world/camera/image", pinhole, rr.Image(frame.image).compress())
        ap50 = f"class-agnostic AP50 {comparison.ap50:.2f}"
        text = f"{frame.name}: {ap50}, predictions from score {score_thr:g}"
        stream.log("caption", rr.TextDocument(text))
    stream.flush()
    atomic_write_bytes(path, memory.drain_as_bytes())


def _of_points(ids: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 colour of each point, light grey where the id is -1."""
    return np.concatenate([colours, np.array([VOID], np.uint8)])[ids]
