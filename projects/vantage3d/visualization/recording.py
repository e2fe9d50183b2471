"""Recordings for the rerun viewer; the only file that imports rerun."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.sidecars import write_hashed_bytes
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
UP = np.array([0.0, 0.0, 1.0])
TRAJECTORY = (230, 90, 20)
VOID = (200, 200, 200)
CLOUDS = ("colour", "ground_truth", "prediction")


class SceneFrame(NamedTuple):
    """A step of the timeline of a scene.

    Attributes:
        name: Caption.
        image: (H, W, 3) uint8 RGB.
        K: (3, 3) intrinsics in pixels of ``image``.
        cam2world: (4, 4), OpenCV axes; None where it is not known.
        depth: (H, W) uint16 thousandths of the scene's unit; None without.
        instances: (H, W, 3) RGB, the image with what was found drawn over it; None
            without.
    """

    name: str
    image: np.ndarray
    K: np.ndarray
    cam2world: np.ndarray | None
    depth: np.ndarray | None
    instances: np.ndarray | None


class SceneClouds(NamedTuple):
    """Points of a whole scene.

    Attributes:
        points: (N, 3) in the world.
        radius: Of a point.
        colors: By name of a cloud: (N, 3) uint8 RGB of its points.
        up: (3,) the direction that is upwards.
    """

    points: np.ndarray
    radius: float
    colors: dict[str, np.ndarray]
    up: np.ndarray


class LiveStep(NamedTuple):
    """What a stream shows of a frame.

    Attributes:
        number: Its place on the timeline ``frame``.
        timestamp: Seconds; None without.
        image: (H, W, 3) uint8 RGB, with what was found drawn over it.
        K: (3, 3) intrinsics in pixels of ``image``.
        cam2world: (4, 4), OpenCV axes.
    """

    number: int
    timestamp: float | None
    image: np.ndarray
    K: np.ndarray
    cam2world: np.ndarray


def write_scene_recording(
    path: Path, clouds: SceneClouds, frames: Iterable[SceneFrame]
) -> None:
    """Write a recording of a scene, its hash beside it: clouds, then frame by frame.

    Args:
        path: The .rrd file.
        clouds: What stands all the time.
        frames: In the order of the timeline ``frame``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".", suffix=".part") as work:
        stream = rr.RecordingStream("vantage3d_scene")
        stream.save(file := Path(work) / path.name)
        # The viewer would make points of the depth, over those of the cloud.
        camera = ["world/camera/**", "- world/camera/image/depth"]
        views = [
            rrb.Spatial3DView(origin="world", contents=[f"world/{n}", *camera], name=n)
            for n in clouds.colors
        ]
        names = ("image", "instances", "depth")
        flat = [
            rrb.Spatial2DView(
                origin="world/camera/image", contents=["$origin/" + n], name=n
            )
            for n in names
        ]
        grid = rrb.Vertical(rrb.Tabs(*views), rrb.Horizontal(*flat), row_shares=[3, 1])
        stream.send_blueprint(rrb.Blueprint(grid, collapse_panels=True))
        stream.log("world", _upwards(clouds.up), static=True)
        for name, colors in clouds.colors.items():
            points = rr.Points3D(clouds.points, colors=colors, radii=clouds.radius)
            stream.log(f"world/{name}", points, static=True)
        for number, frame in enumerate(frames):
            stream.set_time("frame", sequence=number)
            _log_frame(stream, frame)
        stream.flush()
        stream.disconnect()
        write_hashed_bytes(path, file.read_bytes())


def _log_frame(stream: rr.RecordingStream, frame: SceneFrame) -> None:
    """A camera where it stands, with what it shows."""
    place = "world/camera/image"
    stream.log(place, _camera(stream, frame))
    stream.log(f"{place}/image", rr.Image(frame.image).compress())
    if frame.depth is not None:
        stream.log(f"{place}/depth", rr.DepthImage(frame.depth, meter=1000.0))
    if frame.instances is not None:
        stream.log(f"{place}/instances", rr.Image(frame.instances).compress())


def _camera(
    stream: rr.RecordingStream,
    frame: SceneFrame | FrameResult | LiveStep,
    plane_distance: float | None = None,
) -> rr.Pinhole:
    """Log where a frame's camera stands, if that is known; what it projects by."""
    if frame.cam2world is not None:
        rotation, centre = frame.cam2world[:3, :3], frame.cam2world[:3, 3]
        stream.log("world/camera", rr.Transform3D(translation=centre, mat3x3=rotation))
    height, width = frame.image.shape[:2]
    return rr.Pinhole(
        image_from_camera=frame.K,
        width=width,
        height=height,
        camera_xyz=rr.ViewCoordinates.RDF,
        image_plane_distance=plane_distance,
    )


class LiveScene(NamedTuple):
    """What a stream knows so far.

    Attributes:
        points: (N, 3) in the world.
        colors: (N, 3) uint8 RGB.
        radius: Of a point.
        trajectory: (T, 3) places of the camera.
        table: The instances, in markdown.
    """

    points: np.ndarray
    colors: np.ndarray
    radius: float
    trajectory: np.ndarray
    table: str


class LiveRecording:
    """A viewer that shows a stream while it runs.

    Args:
        where: "page", a page for the browser that this process serves; "window", the
            viewer of rerun; or the path of a file.
        up: (3,) axis of the world that points up.
        ports: Of the page, and of the data behind it.

    Attributes:
        url: Of the page; empty of the others.
    """

    def __init__(
        self,
        where: str | Path,
        up: np.ndarray = UP,
        ports: tuple[int, int] = (9090, 9876),
    ) -> None:
        self._stream = stream = rr.RecordingStream("vantage3d_stream")
        self.url = ""
        flat = rrb.Spatial2DView(origin="world/camera/image", name="frame")
        table = rrb.TextDocumentView(origin="table", name="instances")
        side = rrb.Vertical(flat, table)
        space = rrb.Spatial3DView(origin="world", name="scene")
        grid = rrb.Horizontal(space, side, column_shares=[2, 1])
        blueprint = rrb.Blueprint(grid, collapse_panels=True)
        if where == "page":
            page, data = ports
            stream.serve_web(open_browser=False, web_port=page, grpc_port=data)
            source = f"rerun%2Bhttp://localhost:{data}/proxy"
            self.url = f"http://localhost:{page}?url={source}"
        elif where == "window":
            stream.spawn(port=ports[1])
        else:
            stream.save(where)
        # Not by `serve_web`: it holds the GIL until a thread that needs it has sent it.
        stream.send_blueprint(blueprint)
        stream.log("world", _upwards(up), static=True)

    def step(self, step: LiveStep) -> None:
        """The next frame, where its camera stands."""
        self._stream.set_time("frame", sequence=step.number)
        if step.timestamp is not None:
            self._stream.set_time("time", duration=step.timestamp)
        place = "world/camera/image"
        pinhole = _camera(self._stream, step, plane_distance=0.4)
        self._stream.log(place, pinhole, rr.Image(step.image).compress())

    def scene(self, scene: LiveScene) -> None:
        """All that is known, at the time of the last frame."""
        points = rr.Points3D(scene.points, colors=scene.colors, radii=scene.radius)
        self._stream.log("world/scene", points)
        path = rr.LineStrips3D([scene.trajectory], colors=[TRAJECTORY])
        self._stream.log("world/trajectory", path)
        self._stream.log(
            "table", rr.TextDocument(scene.table, media_type="text/markdown")
        )

    def close(self) -> None:
        """Everything is there."""
        self._stream.flush()
        self._stream.disconnect()


def _upwards(up: np.ndarray) -> Any:
    """The view coordinates of a world by its axis that points up."""
    axis = int(np.abs(up).argmax())
    way = "UP" if up[axis] > 0 else "DOWN"
    return getattr(rr.ViewCoordinates, f"RIGHT_HAND_{'XYZ'[axis]}_{way}")


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
        pinhole = _camera(stream, frame, plane_distance=0.3)
        stream.log("world/camera/image", pinhole, rr.Image(frame.image).compress())
        ap50 = f"class-agnostic AP50 {comparison.ap50:.2f}"
        text = f"{frame.name}: {ap50}, predictions from score {score_thr:g}"
        stream.log("caption", rr.TextDocument(text))
    stream.flush()
    atomic_write_bytes(path, memory.drain_as_bytes())


def _of_points(ids: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 colour of each point, light grey where the id is -1."""
    return np.concatenate([colours, np.array([VOID], np.uint8)])[ids]
