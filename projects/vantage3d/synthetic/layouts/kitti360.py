"""Synthetic drives on disk in the layout of KITTI-360."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice, check_positive
from vantage3d.io.depth_files import KITTI_SCALE, depth_units
from vantage3d.synthetic.layouts.dataset import claim, run_jobs
from vantage3d.synthetic.layouts.files import write_bytes, write_image, write_text
from vantage3d.synthetic.render.scene import add_sensor_noise
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.rooms.filming import Splits
from vantage3d.synthetic.streets import STYLES, StreetFrame, film, make_street
from vantage3d.synthetic.streets.drive import (
    FRAME_S,
    RAW_SIZE,
    SPEED,
    Drive,
    Rig,
    make_rig,
    street2world,
)
from vantage3d.synthetic.streets.sensors import scan

VERSION = 1  # Raised whenever the same arguments give other bytes.


@dataclass(frozen=True)
class DriveOptions:
    """What to write of every drive.

    Attributes:
        frames: Images and sweeps, 0.8 m apart.
        size: Image width and height in pixels.
        style: A name in ``STYLES``.
        columns: Azimuth steps of a sweep; the real scanner has about 2000.
        cameras: Rectified cameras, 0 left and 1 right.
        ego_motion: Sweeps are taken while the car moves, as real ones are.
        seed: Same options, same bytes.
    """

    frames: int = 40
    size: tuple[int, int] = RAW_SIZE
    style: str = "suburb"
    columns: int = 2000
    cameras: tuple[int, ...] = (0,)
    ego_motion: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("style", self.style, STYLES)
        for name in ("frames", "columns"):
            check_positive(name, getattr(self, name))
        check_positive("width", self.size[0])
        check_positive("height", self.size[1])
        for camera in self.cameras:
            check_choice("cameras", camera, (0, 1))


def drive_name(number: int) -> str:
    """Name of a KITTI-360 sequence."""
    return f"2013_05_28_drive_{number:04d}_sync"


def write_kitti360(
    root: str | Path,
    train_drives: int,
    val_drives: int,
    options: DriveOptions,
    workers: int = 1,
) -> Splits:
    """Render drives and write them as KITTI-360 lies on disk.

    Beside the layout there is ``data_2d_depth/<drive>/image_00/<frame>.png``: exact
    depth of every pixel, 256 units per metre, 0 for the sky. Call it again after a kill
    with the same arguments: finished drives are kept.

    Args:
        root: Output folder: new, empty, or from a call with the same arguments.
        train_drives: Drives of ``train``.
        val_drives: Further drives, of ``val``.
        options: What each holds.
        workers: Processes.

    Returns:
        Sequence names of ``train`` and ``val``.

    Raises:
        ValueError: If there is no drive.
        FileExistsError: If ``root`` holds anything else.
    """
    drives = train_drives + val_drives
    check_positive("train_drives + val_drives", drives)
    names = [drive_name(number) for number in range(drives)]
    splits = {"train": names[:train_drives], "val": names[train_drives:]}
    root = Path(root)
    counts = {"train_drives": train_drives, "val_drives": val_drives}
    claim(root, {"layout": "kitti360", "version": VERSION, **counts, **asdict(options)})
    poses = root / "data_poses"
    left = [n for n in range(drives) if not (poses / names[n] / "poses.txt").exists()]
    _write_calibration(root / "calibration", make_rig(), options.size)
    task = partial(_write_drive, root, options)
    run_jobs(task, left, workers, "rendering drives")
    for split, sequences in splits.items():
        _write_list(root, split, sequences, options)
    return splits


def _write_drive(root: Path, options: DriveOptions, number: int) -> None:
    """Everything of one drive; the poses come last."""
    seed, rig, name = options.seed * 1000 + number, make_rig(), drive_name(number)
    duration = options.frames * FRAME_S
    street = make_street(options.style, seed, duration * SPEED, duration)
    drive = Drive(STYLES[options.style].camera_height, SPEED, float(seed % 7))
    to_world, K = street2world(seed), rig.intrinsics(options.size)
    world = {}
    for frame in range(options.frames):
        time_s = frame * FRAME_S
        imu = drive.imu2street(time_s)
        world[frame] = to_world @ imu
        for camera in options.cameras:
            view = film(street, K, imu @ rig.cam2imu(camera), options.size, time_s)
            noise = np.random.default_rng([seed, 12, frame, camera])
            color = add_sensor_noise(view.color, noise)
            _write_view(root, name, camera, frame, color, view)

        def velo2street(moment: float, stands: Floats = imu) -> Floats:
            pose = drive.imu2street(moment) if options.ego_motion else stands
            return pose @ rig.velo2imu()

        points = scan(street.at(time_s), velo2street, time_s, options.columns)
        folder = root / "data_3d_raw" / name / "velodyne_points/data"
        write_bytes(folder / f"{frame:010d}.bin", points.astype("<f4").tobytes())
    folder = root / "data_poses" / name
    cam0 = {frame: pose @ rig.cam2imu(0) for frame, pose in world.items()}
    write_text(folder / "cam0_to_world.txt", _lines(cam0, rows=4))
    write_text(folder / "poses.txt", _lines(world, rows=3))


def _write_view(
    root: Path, name: str, camera: int, frame: int, color: NDArray, view: StreetFrame
) -> None:
    """Colours, label ids, instance ids and exact depth of one view."""
    at = f"image_{camera:02d}"
    raw, labels = root / "data_2d_raw" / name, root / "data_2d_semantics/train" / name
    file = f"{frame:010d}.png"
    write_image(raw / at / "data_rect" / file, color)
    write_image(labels / at / "semantic" / file, view.semantic)
    write_image(labels / at / "instance" / file, view.instance.astype(np.uint16))
    units = depth_units(view.depth, KITTI_SCALE)
    write_image(root / "data_2d_depth" / name / at / file, units)


def _lines(poses: dict[int, Floats], rows: int) -> str:
    """A frame number and the first ``rows`` rows of its matrix per line."""
    return "".join(
        f"{frame} {_numbers(pose[:rows])}\n" for frame, pose in poses.items()
    )


def _write_list(
    root: Path, split: str, sequences: Sequence[str], options: DriveOptions
) -> None:
    """Image and label image of every frame of a split, as KITTI-360 lists them."""
    lines = [
        f"data_2d_raw/{name}/image_{camera:02d}/data_rect/{frame:010d}.png "
        f"data_2d_semantics/train/{name}/image_{camera:02d}/semantic/{frame:010d}.png\n"
        for name in sequences
        for camera in options.cameras
        for frame in range(options.frames)
    ]
    path = root / "data_2d_semantics/train" / f"2013_05_28_drive_{split}_frames.txt"
    write_text(path, "".join(lines))


def _write_calibration(folder: Path, rig: Rig, size: tuple[int, int]) -> None:
    """The three text files that the chains of KITTI-360 need."""
    text = ["calib_time: 28-May-2013 09:46:00", "corner_dist: 0.100000"]
    K = rig.intrinsics(size)
    baseline = rig.cam2imu(1)[:3, 3] - rig.cam2imu(0)[:3, 3]
    for camera in (0, 1):
        P = np.column_stack([K, np.zeros(3)])
        P[0, 3] = -camera * K[0, 0] * float(np.linalg.norm(baseline))
        text += [f"S_rect_{camera:02d}: {size[0]:.6f} {size[1]:.6f}"]
        text += [f"R_rect_{camera:02d}: {_numbers(rig.R_rect[camera])}"]
        text += [f"P_rect_{camera:02d}: {_numbers(P)}"]
    write_text(folder / "perspective.txt", "\n".join(text) + "\n")
    lines = [f"image_{c:02d}: {_numbers(rig.cam_to_pose[c][:3])}\n" for c in (0, 1)]
    write_text(folder / "calib_cam_to_pose.txt", "".join(lines))
    velo = _numbers(rig.cam_to_velo[:3]) + "\n"
    write_text(folder / "calib_cam_to_velo.txt", velo)


def _numbers(matrix: Floats) -> str:
    return " ".join(f"{value:.12g}" for value in matrix.ravel())
