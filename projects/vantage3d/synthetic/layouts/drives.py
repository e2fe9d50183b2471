"""Synthetic drives on disk in the layouts of KITTI-360 and Virtual KITTI 2."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from vantage3d.checks import check_choice, check_positive
from vantage3d.geometry import invert_rigid
from vantage3d.io.depth_files import KITTI_SCALE, depth_units
from vantage3d.synthetic.layouts.dataset import write_missing
from vantage3d.synthetic.layouts.files import (
    numbers_text,
    write_bytes,
    write_image,
    write_text,
)
from vantage3d.synthetic.render.scene import add_sensor_noise
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.rooms.filming import Splits
from vantage3d.synthetic.streets import STYLES, film, make_street
from vantage3d.synthetic.streets.drive import (
    FRAME_S,
    RAW_SIZE,
    SPEED,
    Rig,
    make_drive,
    make_rig,
    scan,
    street2world,
)

VERSION = 1  # Raised whenever the same arguments give other bytes.
SCENES = ("Scene01", "Scene02", "Scene06", "Scene18", "Scene20")
VARIATION = "clone"
SKY = 65535  # centimetres
POSE_HEADER = "frame cameraID " + " ".join(
    f"r{row},1 r{row},2 r{row},3 t{row}" for row in (1, 2, 3)
)


@dataclass(frozen=True)
class DriveOptions:
    """What to write of every drive; same options, same bytes."""

    frames: int = 40  # images and sweeps, 0.8 m apart
    size: tuple[int, int] = RAW_SIZE  # image width and height in pixels
    style: str = "suburb"  # a name in ``STYLES``
    columns: int = 2000  # azimuth steps of a sweep; the real scanner has about 2000
    cameras: tuple[int, ...] = (0,)  # rectified cameras, 0 left and 1 right
    sway: float = 0.0  # degrees that the rig turns to both sides while it drives
    ego_motion: bool = True  # sweeps are taken while the car moves, as real ones are
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
    root, drives = Path(root), train_drives + val_drives
    check_positive("train_drives + val_drives", drives)
    names = [drive_name(number) for number in range(drives)]
    splits = {"train": names[:train_drives], "val": names[train_drives:]}
    counts = {"train_drives": train_drives, "val_drives": val_drives}
    manifest = {"layout": "kitti360", "version": VERSION, **counts, **asdict(options)}
    jobs = {name: number for number, name in enumerate(names)}
    last, task = "data_poses/{0}/poses.txt", partial(_write_drive, root, options)
    write_missing(root, manifest, task, jobs, last, workers, "rendering drives")
    _write_calibration(root / "calibration", make_rig(), options.size)
    for split, sequences in splits.items():
        # Image and label image of every frame, as KITTI-360 lists them.
        lines = [
            f"data_2d_raw/{at}/data_rect/{frame:010d}.png "
            f"data_2d_semantics/train/{at}/semantic/{frame:010d}.png\n"
            for name in sequences
            for at in (f"{name}/image_{camera:02d}" for camera in options.cameras)
            for frame in range(options.frames)
        ]
        file = f"data_2d_semantics/train/2013_05_28_drive_{split}_frames.txt"
        write_text(root / file, "".join(lines))
    return splits


def _write_drive(root: Path, options: DriveOptions, number: int) -> None:
    """Everything of one drive; the poses come last."""
    seed, rig, name = options.seed * 1000 + number, make_rig(), drive_name(number)
    duration = options.frames * FRAME_S
    street = make_street(options.style, seed, duration * SPEED, duration)
    drive = make_drive(options.style, seed, options.sway)
    to_world, K = street2world(seed), rig.intrinsics(options.size)
    velo2imu, world = rig.velo2imu(), {}
    for frame in range(options.frames):
        time_s = frame * FRAME_S
        imu = drive.imu2street(time_s)
        world[frame] = to_world @ imu
        for camera in options.cameras:
            view = film(street, K, imu @ rig.cam2imu(camera), options.size, time_s)
            noise = np.random.default_rng([seed, 12, frame, camera])
            color = add_sensor_noise(view.color, noise)
            at, file = f"{name}/image_{camera:02d}", f"{frame:010d}.png"
            labels = root / "data_2d_semantics/train" / at
            write_image(root / "data_2d_raw" / at / "data_rect" / file, color)
            write_image(labels / "semantic" / file, view.semantic)
            write_image(labels / "instance" / file, view.instance.astype(np.uint16))
            units = depth_units(view.depth, KITTI_SCALE)
            write_image(root / "data_2d_depth" / at / file, units)

        def velo2street(moment: float, stands: Floats = imu) -> Floats:
            pose = drive.imu2street(moment) if options.ego_motion else stands
            return pose @ velo2imu

        points = scan(street.at(time_s), velo2street, time_s, options.columns)
        folder = root / "data_3d_raw" / name / "velodyne_points/data"
        write_bytes(folder / f"{frame:010d}.bin", points.astype("<f4").tobytes())
    cam0 = {frame: pose @ rig.cam2imu(0) for frame, pose in world.items()}
    for file, poses, rows in (("cam0_to_world.txt", cam0, 4), ("poses.txt", world, 3)):
        lines = [f"{n} {numbers_text(pose[:rows])}\n" for n, pose in poses.items()]
        write_text(root / "data_poses" / name / file, "".join(lines))


def _write_calibration(folder: Path, rig: Rig, size: tuple[int, int]) -> None:
    """The three text files that the chains of KITTI-360 need."""
    text = ["calib_time: 28-May-2013 09:46:00", "corner_dist: 0.100000"]
    K = rig.intrinsics(size)
    baseline = rig.cam2imu(1)[:3, 3] - rig.cam2imu(0)[:3, 3]
    for camera in (0, 1):
        P = np.column_stack([K, np.zeros(3)])
        P[0, 3] = -camera * K[0, 0] * float(np.linalg.norm(baseline))
        text += [f"S_rect_{camera:02d}: {size[0]:.6f} {size[1]:.6f}"]
        text += [f"R_rect_{camera:02d}: {numbers_text(rig.R_rect[camera])}"]
        text += [f"P_rect_{camera:02d}: {numbers_text(P)}"]
    write_text(folder / "perspective.txt", "\n".join(text) + "\n")
    poses = [numbers_text(pose[:3]) for pose in rig.cam_to_pose]
    lines = [f"image_{camera:02d}: {pose}\n" for camera, pose in enumerate(poses)]
    write_text(folder / "calib_cam_to_pose.txt", "".join(lines))
    velo = numbers_text(rig.cam_to_velo[:3]) + "\n"
    write_text(folder / "calib_cam_to_velo.txt", velo)


def write_virtual_kitti(
    root: str | Path, scenes: int, options: DriveOptions, workers: int = 1
) -> list[str]:
    """Render drives and write them as Virtual KITTI 2 lies on disk.

    Args:
        root: Output folder: new, empty, or from a call with the same arguments.
        scenes: How many of the five.
        options: What each holds; sweeps are not written.
        workers: Processes.

    Returns:
        Names of the scenes.

    Raises:
        ValueError: If ``scenes`` is not between 1 and 5.
        FileExistsError: If ``root`` holds anything else.
    """
    check_choice("scenes", scenes, range(1, len(SCENES) + 1))
    root, names = Path(root), list(SCENES[:scenes])
    facts = {"scenes": scenes, "version": VERSION, **asdict(options)}
    manifest = {"layout": "virtual_kitti", **facts}
    jobs = {name: number for number, name in enumerate(names)}
    task = partial(_write_scene, root, options)
    last = f"{{0}}/{VARIATION}/extrinsic.txt"
    write_missing(root, manifest, task, jobs, last, workers, "rendering drives")
    return names


def _write_scene(root: Path, options: DriveOptions, number: int) -> None:
    """Images, depth and matrices of one scene; the poses come last."""
    seed, rig = options.seed * 1000 + 500 + number, make_rig()
    duration, K = options.frames * FRAME_S, rig.intrinsics(options.size)
    street = make_street(options.style, seed, duration * SPEED, duration)
    drive = make_drive(options.style, seed, options.sway)
    folder = root / SCENES[number] / VARIATION
    poses = [POSE_HEADER + " 0 0 0 1"]
    focal = ["frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]"]
    for frame in range(options.frames):
        time_s = frame * FRAME_S
        for camera in options.cameras:
            cam2world = drive.imu2street(time_s) @ rig.cam2imu(camera)
            view = film(street, K, cam2world, options.size, time_s)
            noise = np.random.default_rng([seed, 13, frame, camera])
            at = f"Camera_{camera}"
            color = add_sensor_noise(view.color, noise)
            write_image(folder / f"frames/rgb/{at}/rgb_{frame:05d}.jpg", color)
            units = np.where(view.depth > 0, np.round(view.depth * 100), SKY)
            units = np.minimum(units, SKY).astype(np.uint16)
            write_image(folder / f"frames/depth/{at}/depth_{frame:05d}.png", units)
            values = numbers_text(invert_rigid(cam2world))
            poses.append(f"{frame} {camera} {values}")
            focal.append(f"{frame} {camera} {K[0, 0]} {K[1, 1]} {K[0, 2]} {K[1, 2]}")
    write_text(folder / "intrinsic.txt", "\n".join(focal) + "\n")
    write_text(folder / "extrinsic.txt", "\n".join(poses) + "\n")
