"""Bags of ROS 1 (``.bag``) and ROS 2 (``.mcap``, ``.db3``): one RGB-D camera in them.

The only file that imports rosbags, which needs no ROS. A bag is gone through once for
times, cameras and transforms; images are read one by one where they lie. Paths below a
bag name its images, as those below a ``.sens`` file do.
"""

import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from vantage3d.geometry import invert_rigid
from vantage3d.io.files import decoding, existing
from vantage3d.io.trajectories import pose_at, trajectory_of

SUFFIXES = (".bag", ".mcap", ".db3")
MEMBERS = {"color": ".png", "depth": ".png"}
REMEDY = "Record it again, or repair it: rosbag reindex, ros2 bag reindex"
COLORS = {"rgb8": None, "bgr8": cv2.COLOR_BGR2RGB, "rgba8": cv2.COLOR_RGBA2RGB}
COLORS |= {"bgra8": cv2.COLOR_BGRA2RGB}
DEPTHS = {"16UC1": ("u2", 1.0), "mono16": ("u2", 1.0), "32FC1": ("f4", 1000.0)}
RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
POSES = ("geometry_msgs/msg/PoseStamped", "nav_msgs/msg/Odometry")
TRANSFORMS = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
STAMP = Struct("<iI")
DEPTH_HEADER = 12  # bytes before the PNG of image_transport's compressedDepth


class Images(NamedTuple):
    """Images of one topic.

    Attributes:
        topic: Its name.
        frame_id: Of the camera, whose axes are x right, y down, z forward.
        stamps: (N,) seconds, ascending.
        places: (N,) nanoseconds at which the messages lie in the bag.
        K: (3, 3) in pixels of the images.
        size: (W, H).
        distortion: As its camera_info has it.
    """

    topic: str
    frame_id: str
    stamps: NDArray[np.float64]
    places: NDArray[np.int64]
    K: NDArray[np.float64]
    size: tuple[int, int]
    distortion: tuple[float, ...]


class Edge(NamedTuple):
    """Transforms from a frame to its parent.

    Attributes:
        parent: Name of the parent.
        times: (N,) ascending seconds.
        matrices: (N, 4, 4).
        always: Whether there is one, which always holds.
    """

    parent: str
    times: NDArray[np.float64]
    matrices: NDArray[np.float64]
    always: bool


class BagFile:
    """What a bag holds of an RGB-D camera; see :func:`open_bag`.

    Attributes:
        path: The file.
        color: Its colour images.
        depth: Its depth images; None without.
        chain: Transforms from the camera to the world, in this order; empty where
            nothing says how the camera moves.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with decoding(f"bag {path}", "damaged", REMEDY, *_errors()):
            self._reader = _reader(path)
            topics = self._topics()
            color, self.depth = (self._images(kind, topics) for kind in MEMBERS)
            if color is None:
                raise ValueError(f"no colour images in {self._has()}")
            self.color = color
            edges = self._edges((self.depth or color).frame_id)
            self.chain = _chain(edges, (self.depth or color).frame_id)
            self.depth2color = self._depth2color(edges)

    def cam2world(self, seconds: float) -> NDArray[np.float64] | None:
        """(4, 4) of the camera of the depth images; None where it is not known."""
        pose = np.eye(4)
        for edge in self.chain:
            step = edge.matrices[0]
            if not edge.always:
                found = pose_at(edge.times, edge.matrices, seconds)
                if found is None:
                    return None
                step = found
            pose = step @ pose
        return pose if self.chain else None

    def image(self, kind: str, number: int) -> NDArray:
        """(H, W, 3) uint8 RGB of a colour image, or (H, W) uint16 millimetres.

        Raises:
            ValueError: If there is none of that number, or it is damaged.
        """
        images = self.color if kind == "color" else self.depth
        if images is None or not 0 <= number < len(images.places):
            raise ValueError(f"bag {self.path} has no {kind} image {number}")
        with decoding(f"{kind} image {number} of bag {self.path}", "damaged", REMEDY):
            message = self._message(images.topic, int(images.places[number]))
            return _color(message) if kind == "color" else _millimetres(message)

    def _connections(self, *kinds: str, topic: str | None = None) -> list[Any]:
        return [
            one
            for one in self._reader.connections
            if one.msgtype in kinds and topic in (None, one.topic)
        ]

    def _message(self, topic: str, place: int | None = None) -> Any:
        """The first message of a topic, or that of a place."""
        own = [one for one in self._reader.connections if one.topic == topic]
        span = (None, None) if place is None else (place, place + 1)
        for connection, _, raw in self._reader.messages(own, *span):
            return self._reader.deserialize(raw, connection.msgtype)
        raise ValueError(f"topic {topic} has no message")

    def _has(self) -> str:
        topics = sorted(
            {f"{one.topic} ({one.msgtype})" for one in self._reader.connections}
        )
        return f"{self.path}, which has {', '.join(topics) or 'nothing'}"

    def _topics(self) -> dict[str, list[str]]:
        """Topics of colour and of depth images; raw ones before compressed twins."""
        found: dict[str, list[str]] = {kind: [] for kind in MEMBERS}
        names = sorted({one.topic for one in self._connections(RAW, COMPRESSED)})
        for name in names:
            base = _base(name)
            if base != name and base in names:
                continue
            if kind := _kind(self._message(name)):
                found[kind].append(name)
        return found

    def _images(self, kind: str, topics: dict[str, list[str]]) -> Images | None:
        """The images of the one topic of a kind; None without.

        Raises:
            ValueError: If there are several, or its camera is not known.
        """
        names = topics[kind]
        if kind == "depth" and len(names) > 1:
            names = [n for n in names if "aligned" in n or "registered" in n] or names
        if len(names) > 1:
            raise ValueError(
                f"{kind} images of several cameras, {', '.join(names)}, in "
                f"{self.path}. Keep those of one: rosbag filter, ros2 bag convert"
            )
        if not names:
            return None
        (name,) = names
        info = f"{_base(name).rpartition('/')[0]}/camera_info"
        if not self._connections(INFO, topic=info):
            raise ValueError(f"no intrinsics, {info}, of {name} in {self._has()}")
        said = self._message(info)
        frame_id = _frame(self._message(name).header.frame_id)
        stamps, places = self._stamps(name)
        K = np.reshape(said.K if hasattr(said, "K") else said.k, (3, 3))
        distortion = said.D if hasattr(said, "D") else said.d
        size, lens = (said.width, said.height), tuple(map(float, distortion))
        return Images(name, frame_id, stamps, places, K, size, lens)

    def _stamps(self, topic: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Seconds of the headers of a topic, ascending, and where its messages lie."""
        own = [one for one in self._reader.connections if one.topic == topic]
        rows = []
        for _, place, raw in self._reader.messages(own):
            # The header is first: after a word of CDR in ROS 2, a counter in ROS 1.
            seconds, nanoseconds = STAMP.unpack_from(raw, 4)
            rows.append((seconds + nanoseconds * 1e-9, place))
        rows.sort()
        stamps, at = zip(*rows)
        return np.array(stamps), np.array(at, np.int64)

    def _edges(self, camera: str) -> dict[str, Edge]:
        """Transforms by the frame they begin in."""
        rows: dict[tuple[str, str], list[list[float]]] = {}
        fixed: set[tuple[str, str]] = set()
        for connection, _, raw in self._reader.messages(
            self._connections(*TRANSFORMS, *POSES)
        ):
            message = self._reader.deserialize(raw, connection.msgtype)
            for child, header, at in _moves(message, camera):
                key = child, _frame(header.frame_id)
                rows.setdefault(key, []).append([_seconds(header.stamp), *at])
                if connection.topic.endswith("tf_static"):
                    fixed.add(key)
        edges = {}
        for (child, parent), table in rows.items():
            times, matrices = trajectory_of(np.array(table), f"{child} to {parent}")
            edges[child] = Edge(parent, times, matrices, (child, parent) in fixed)
        return edges

    def _depth2color(self, edges: dict[str, Edge]) -> NDArray[np.float64] | None:
        """(4, 4) from the depth to the colour camera, by what always holds.

        Raises:
            ValueError: If both are two frames that nothing connects.
        """
        if self.depth is None or self.depth.frame_id == self.color.frame_id:
            return None
        ends = []
        for start in (self.depth.frame_id, self.color.frame_id):
            pose, at = np.eye(4), {start: np.eye(4)}
            while start in edges and edges[start].always:
                pose = edges[start].matrices[0] @ pose
                start = edges[start].parent
                if start in at:
                    break
                at[start] = pose
            ends.append(at)
        common = [name for name in ends[0] if name in ends[1]]
        if not common:
            raise ValueError(
                f"nothing says where {self.depth.frame_id} stands from "
                f"{self.color.frame_id}. Record /tf_static, or registered depth"
            )
        return invert_rigid(ends[1][common[0]]) @ ends[0][common[0]]


def open_bag(path: str | Path) -> BagFile:
    """What a bag holds; it is gone through once per process while it stays as it is.

    Raises:
        FileNotFoundError: If the file is missing.
        ImportError: If rosbags is not installed.
        ValueError: If it is damaged, or holds not one RGB-D camera.
    """
    path = existing(path, "bag", REMEDY)
    facts = path.stat()
    return _opened(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=8)
def _opened(path: Path, changed_ns: int, size: int) -> BagFile:
    return BagFile(path)


def bag_member(file: Path, kind: str, number: int) -> Path:
    """The path by which an image inside a bag is named: ``a.bag/depth/12.png``."""
    return file / kind / f"{number}{MEMBERS[kind]}"


def find_bag_member(path: Path) -> PillowImage.Image | None:
    """The image that :func:`bag_member` names; None for other paths."""
    file, kind = path.parent.parent, path.parent.name
    if file.suffix not in SUFFIXES or kind not in MEMBERS or not path.stem.isdecimal():
        return None
    return PillowImage.fromarray(open_bag(file).image(kind, int(path.stem)))


def _reader(path: Path) -> Any:
    """A bag, open for reading."""
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise ImportError(
            "bags need rosbags, which needs no ROS: pip install rosbags==0.11.9"
        ) from error
    ros1 = path.suffix == ".bag"
    store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)
    whole = path if ros1 else path.parent
    if not ros1 and not (whole / "metadata.yaml").is_file():
        raise ValueError(f"{whole} has no metadata.yaml: ros2 bag reindex writes it")
    reader = AnyReader([whole], default_typestore=store)
    reader.open()
    return reader


def _errors() -> tuple[type[Exception], ...]:
    try:
        from rosbags.highlevel import AnyReaderError
    except ImportError:  # told by whoever opens a bag
        return ()
    return (AnyReaderError, KeyError)


def _base(topic: str) -> str:
    """The topic of the raw images of what image_transport compressed."""
    return topic.removesuffix("/compressed").removesuffix("/compressedDepth")


def _frame(name: str) -> str:
    return name.removeprefix("/")


def _seconds(stamp: Any) -> float:
    return stamp.sec + stamp.nanosec * 1e-9


def _kind(message: Any) -> str:
    """Of an image, by its encoding; empty where it is neither colour nor depth."""
    if not hasattr(message, "encoding"):
        return "depth" if "compressedDepth" in message.format else "color"
    if message.encoding in COLORS:
        return "color"
    return "depth" if message.encoding in DEPTHS else ""


def _color(message: Any) -> NDArray[np.uint8]:
    """(H, W, 3) RGB."""
    if not hasattr(message, "encoding"):
        with PillowImage.open(io.BytesIO(message.data.tobytes())) as image:
            return np.asarray(image.convert("RGB"))
    rows = message.data.reshape(message.height, message.step)
    channels = 4 if "a8" in message.encoding else 3
    pixels = rows[:, : message.width * channels].reshape(
        message.height, message.width, channels
    )
    code = COLORS[message.encoding]
    if code is not None:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), code)
    return np.asarray(pixels, np.uint8)


def _millimetres(message: Any) -> NDArray[np.uint16]:
    """(H, W), 0 where there is none or it does not fit."""
    if not hasattr(message, "encoding"):
        data = message.data[DEPTH_HEADER:]
        values, scale = cv2.imdecode(data, cv2.IMREAD_UNCHANGED), 1.0
        if values is None or values.dtype != np.uint16:
            raise ValueError(f"no depth of 16 bits: {message.format}")
    else:
        kind, scale = DEPTHS[message.encoding]
        order = ">" if message.is_bigendian else "<"
        rows = message.data.reshape(message.height, message.step)
        width = message.width * int(kind[1])
        values = np.ascontiguousarray(rows[:, :width]).view(order + kind)
    exact = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0) * scale
    rounded = np.round(exact)
    return np.where((rounded > 0) & (rounded < 2**16), rounded, 0).astype(np.uint16)


def _moves(message: Any, camera: str) -> Iterator[tuple[str, Any, list[float]]]:
    """Frames that a message says a place of: its name, the header of its parent's, and
    x, y, z, qx, qy, qz, qw. A PoseStamped is taken for the camera's."""
    for one in getattr(message, "transforms", [message]):
        if hasattr(one, "transform"):
            child, place, turn = (
                *(one.child_frame_id, one.transform.translation),
                one.transform.rotation,
            )
        else:
            pose = getattr(one.pose, "pose", one.pose)
            child = getattr(one, "child_frame_id", "") or camera
            place, turn = pose.position, pose.orientation
        values = [place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w]
        yield _frame(child), one.header, values


def _chain(edges: dict[str, Edge], camera: str) -> list[Edge]:
    """Transforms from the camera to its farthest ancestor; none if nothing moves it."""
    chain, at, seen = [], camera, set()
    while at in edges and at not in seen:
        seen.add(at)
        chain.append(edges[at])
        at = edges[at].parent
    return chain if any(not edge.always for edge in chain) else []
