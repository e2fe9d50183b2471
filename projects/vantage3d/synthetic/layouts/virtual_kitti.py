"""Synthetic drives on disk in the layout of Virtual KITTI 2."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from vantage3d.checks import check_choice
from vantage3d.geometry import invert_rigid
from vantage3d.synthetic.layouts.dataset import claim, run_jobs
from vantage3d.synthetic.layouts.files import write_image, write_text
from vantage3d.synthetic.layouts.kitti360 import SPEED, DriveOptions
from vantage3d.synthetic.render.scene import add_sensor_noise
from vantage3d.synthetic.streets import STYLES, film, make_street
from vantage3d.synthetic.streets.drive import FRAME_S, Drive, make_rig

VERSION = 1  # Raised whenever the same arguments give other bytes.
SCENES = ("Scene01", "Scene02", "Scene06", "Scene18", "Scene20")
VARIATION = "clone"
SKY = 65535  # centimetres
POSE_HEADER = "frame cameraID " + " ".join(
    f"r{row},1 r{row},2 r{row},3 t{row}" for row in (1, 2, 3)
)


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
    claim(root, {"layout": "virtual_kitti", **facts})
    last = f"{VARIATION}/extrinsic.txt"
    left = [n for n in range(scenes) if not (root / names[n] / last).exists()]
    run_jobs(partial(_write_scene, root, options), left, workers, "rendering drives")
    return names


def _write_scene(root: Path, options: DriveOptions, number: int) -> None:
    """Images, depth and matrices of one scene; the poses come last."""
    seed, rig = options.seed * 1000 + 500 + number, make_rig()
    duration, K = options.frames * FRAME_S, rig.intrinsics(options.size)
    street = make_street(options.style, seed, duration * SPEED, duration)
    drive = Drive(STYLES[options.style].camera_height, SPEED, float(seed % 7))
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
            values = " ".join(f"{v:.12g}" for v in invert_rigid(cam2world).ravel())
            poses.append(f"{frame} {camera} {values}")
            focal.append(f"{frame} {camera} {K[0, 0]} {K[1, 1]} {K[0, 2]} {K[1, 2]}")
    write_text(folder / "intrinsic.txt", "\n".join(focal) + "\n")
    write_text(folder / "extrinsic.txt", "\n".join(poses) + "\n")
