"""Bags of both versions of ROS, written by rosbags itself."""

import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vantage3d.inference import open_footage
from vantage3d.recordings.detection import open_recording

rosbags = pytest.importorskip("rosbags")
SIZE = (12, 16)
K = np.array([[20.0, 0, 7.5], [0, 21, 5.5], [0, 0, 1]])
COLOR, DEPTH = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"
TURN = Rotation.from_euler("zyx", [0.3, -0.2, 1.1])
MOUNT = np.array([0.1, 0.02, 0.3])  # of the camera on the robot


class Bag:
    """Writes messages; each at the time of its header, or so."""

    def __init__(self, path, ros1: bool):
        from rosbags.rosbag1 import Writer as Writer1
        from rosbags.rosbag2 import Writer as Writer2
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        self.ros1 = ros1
        self.store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)
        if ros1:
            text = "geometry_msgs/TransformStamped[] transforms"
            name = "tf2_msgs/msg/TFMessage"
            self.store.register(get_types_from_msg(text, name))
        self.writer = Writer1(path) if ros1 else Writer2(path, version=9)
        self.connections = {}

    def make(self, name: str, **fields):
        return self.store.types[name](**fields)

    def header(self, seconds: float, frame_id: str):
        sec, nanosec = divmod(round(seconds * 1e9), 10**9)
        stamp = self.make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)
        more = {"seq": 0} if self.ros1 else {}
        return self.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id, **more)

    def write(self, topic: str, name: str, at_s: float, **fields):
        if topic not in self.connections:
            add = self.writer.add_connection
            self.connections[topic] = add(topic, name, typestore=self.store)
        message = self.make(name, **fields)
        pack = self.store.serialize_ros1 if self.ros1 else self.store.serialize_cdr
        data = pack(message, name)
        self.writer.write(self.connections[topic], round(at_s * 1e9), data)

    def image(self, topic: str, pixels, encoding: str, at_s: float, frame_id="optical"):
        self.write(
            *(topic, "sensor_msgs/msg/Image", at_s + 0.003),
            header=self.header(at_s, frame_id),
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=pixels[0].nbytes,
            data=np.frombuffer(pixels.tobytes(), np.uint8),
        )

    def camera(self, topic: str, distortion=(0.0,) * 5):
        letters = "DKRP" if self.ros1 else "dkrp"
        values = [np.array(distortion), K.ravel(), np.eye(3).ravel(), np.zeros(12)]
        roi = self.make(
            "sensor_msgs/msg/RegionOfInterest",
            **dict.fromkeys(("x_offset", "y_offset", "height", "width"), 0),
            do_rectify=False,
        )
        self.write(
            *(topic, "sensor_msgs/msg/CameraInfo", 1.0),
            header=self.header(1.0, "optical"),
            height=SIZE[0],
            width=SIZE[1],
            distortion_model="plumb_bob",
            **dict(zip(letters, values)),
            binning_x=0,
            binning_y=0,
            roi=roi,
        )

    def transform(self, topic, parent, child, at_s, place, turn=None):
        rotation = (turn or Rotation.identity()).as_quat()
        names = dict(zip("xyzw", map(float, rotation)))
        moved = self.make(
            "geometry_msgs/msg/Transform",
            translation=self.make(
                "geometry_msgs/msg/Vector3", **dict(zip("xyz", map(float, place)))
            ),
            rotation=self.make("geometry_msgs/msg/Quaternion", **names),
        )
        one = self.make(
            "geometry_msgs/msg/TransformStamped",
            header=self.header(at_s, parent),
            child_frame_id=child,
            transform=moved,
        )
        self.write(topic, "tf2_msgs/msg/TFMessage", at_s, transforms=[one])


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 255, (*SIZE, 3), np.uint8)


def depth_of(number: int) -> np.ndarray:
    return np.full(SIZE, 1500 + number, np.uint16)


def pose_of(seconds: float) -> np.ndarray:
    """The robot drives along x; its camera is mounted turned."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = TURN.as_matrix(), MOUNT + np.array([seconds, 0, 0])
    return pose


def write(path, ros1: bool, float_depth: bool = False, **camera):
    bag = Bag(path, ros1)
    with bag.writer:
        bag.camera("/camera/color/camera_info", **camera)
        bag.camera("/camera/aligned_depth_to_color/camera_info")
        bag.transform("/tf_static", "base", "optical", 1.0, MOUNT, TURN)
        for step in range(20):
            at = 1 + 0.05 * step
            bag.transform("/tf", "odom", "base", at, [at, 0, 0])
        for number in range(3):
            at = 1.1 + 0.25 * number
            bag.image(COLOR, picture(number)[..., ::-1].copy(), "bgr8", at)
            late = 0.04 if number == 2 else 0.004
            depth, encoding = depth_of(number), "16UC1"
            if float_depth:
                depth, encoding = (depth / 1000).astype(np.float32), "32FC1"
            bag.image(DEPTH, depth, encoding, at + late)
        bag.image("/infra/image_raw", depth_of(0).astype(np.uint8), "mono8", 1.2)


@pytest.mark.parametrize(("ros1", "float_depth"), [(True, False), (False, True)])
def test_a_bag_is_a_recording(tmp_path, ros1, float_depth):
    path = tmp_path / ("desk.bag" if ros1 else "desk")
    write(path, ros1, float_depth)
    recording = open_recording(path)
    assert recording.layout == "rosbag" and recording.sequences() == ["desk"]
    frames = list(open_footage(recording))
    assert [frame.name for frame in frames] == ["0", "1"]  # the third: 40 ms apart
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.color, picture(number))
        np.testing.assert_allclose(frame.depth, depth_of(number) / 1000, atol=1e-6)
        np.testing.assert_array_equal(frame.of_depth, K)
        at = 1.104 + 0.25 * number  # of the depth image
        assert frame.timestamp == pytest.approx(at, abs=1e-9)
        np.testing.assert_allclose(frame.cam2world, pose_of(at), atol=1e-6)
    with pytest.raises(ValueError, match=r"depth image is 40 ms away"):
        recording.frame("desk", "2")


def test_what_a_bag_lacks_is_told(tmp_path):
    bag = Bag(tmp_path / "a.bag", True)
    with bag.writer:
        bag.image("/infra/image_raw", depth_of(0).astype(np.uint8), "mono8", 1.2)
    with pytest.raises(ValueError, match=r"no colour images in .*/infra/image_raw"):
        open_recording(tmp_path / "a.bag").names("a")
    bag = Bag(tmp_path / "b.bag", True)
    with bag.writer:
        bag.image(COLOR, picture(0), "rgb8", 1.0)
    with pytest.raises(ValueError, match=r"no intrinsics, /camera/color/camera_info"):
        open_recording(tmp_path / "b.bag").names("b")
    for name in ("/left/image", "/right/image"):
        bag = bag if name != "/left/image" else Bag(tmp_path / "c.bag", True)
        if name == "/left/image":
            bag.writer.open()
        bag.image(name, picture(0), "rgb8", 1.0)
    bag.writer.close()
    with pytest.raises(ValueError, match=r"several cameras, /left/image, /right/image"):
        open_recording(tmp_path / "c.bag").names("c")
    (tmp_path / "d.bag").write_bytes(b"#ROSBAG V2.0\n" + b"x" * 50)
    with pytest.raises(ValueError, match=r"bag .*d\.bag is truncated or damaged"):
        open_recording(tmp_path / "d.bag").names("d")


def test_images_of_a_lens_are_undistorted(tmp_path):
    write(tmp_path / "desk.bag", True, distortion=(-0.2, 0.05, 0.0, 0.0, 0.0))
    frame = open_recording(tmp_path / "desk.bag").frame("desk", "0")
    assert frame.lens is not None and frame.lens.params[4:6] == (-0.2, 0.05)
    color = open_footage(tmp_path / "desk.bag").at(0).color
    assert not np.array_equal(color, picture(0))


def test_without_rosbags_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "desk.bag").touch()
    monkeypatch.setitem(sys.modules, "rosbags.highlevel", None)
    with pytest.raises(ImportError, match="pip install rosbags"):
        open_recording(tmp_path / "desk.bag").names("desk")
