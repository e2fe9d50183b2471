"""Whole synthetic datasets: many scenes, several processes, one result."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from vantage3d.checks import check_choice, check_positive
from vantage3d.io.folders import listing
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track
from vantage3d.synthetic.layouts import annotated, eth3d, phone, recordings, scans
from vantage3d.synthetic.layouts.files import scene_lists, write_text
from vantage3d.synthetic.rooms.filming import SENSOR_SIZE, THEMES, Job, Splits

# Raised whenever the same seed gives other bytes than before.
VERSION = 1
MANIFEST = "synthetic.json"
SEEDS_PER_DATASET = 100_000


class Layout(NamedTuple):
    """How one dataset lies on disk."""

    write_scene: Callable[[Path, str, Job], None]  # of a root and a scene's name
    last: str  # the file that it writes last; ``{0}`` is the scene's name
    # What concerns all scenes: of a root, their names and the raw frame numbers.
    write_meta: Callable[[Path, Splits, Sequence[int]], None]


LISTS = scene_lists("{}.txt")  # of one's own: SUN3D has none
LAYOUTS = {
    "scannet": Layout(
        recordings.write_export_scene, "3D/{0}/{0}.txt", recordings.write_export_meta
    ),
    "rgbd_folder": Layout(recordings.write_rgbd_scene, "{0}/intrinsic.txt", LISTS),
    "rgbd_two_cameras": Layout(
        partial(recordings.write_rgbd_scene, two_cameras=True),
        "{0}/intrinsic.txt",
        LISTS,
    ),
    "scannet_sens": Layout(
        recordings.write_sens_scene,
        "scans/{0}/{0}.sens",
        scene_lists("meta_data/scannetv2_{}.txt"),
    ),
    "sun3d": Layout(recordings.write_sun3d_scene, "{0}/intrinsics.txt", LISTS),
    "tum": Layout(recordings.write_tum_scene, "{0}/intrinsic.txt", LISTS),
    "transforms": Layout(
        recordings.write_transforms_scene, "{0}/transforms.json", LISTS
    ),
    "phone": Layout(phone.write_scene, "videos/{0}.mp4", LISTS),
    "eth3d": Layout(
        eth3d.write_scene,
        "{0}/dslr_calibration_undistorted/cameras.txt",
        lambda root, splits, frames: None,  # no files of splits
    ),
    "scenenn": Layout(scans.write_scenenn_scene, "{0}/{0}.xml", LISTS),
    "3rscan": Layout(
        scans.write_3rscan_scene, "{0}/mesh.refined.0.010000.segs.v2.json", LISTS
    ),
    **{
        name: Layout(
            partial(annotated.write_scene, write_view),
            annotated.PART,
            partial(annotated.write_meta, prefix),
        )
        for name, (write_view, prefix) in annotated.LAYOUTS.items()
    },
}


def write_dataset(
    layout: str,
    root: str | Path,
    train_rooms: int,
    val_rooms: int,
    frames: Sequence[int],
    size: tuple[int, int] = SENSOR_SIZE,
    seed: int = 0,
    workers: int = 1,
    theme: str = "home",
) -> Splits:
    """Render rooms and write them in the layout of a dataset.

    Call it again after a kill with the same arguments: finished scenes are kept, the
    rest is written, and the result is the same.

    Args:
        layout: A name in ``LAYOUTS``.
        root: Output folder: new, empty, or from a call with the same arguments.
        train_rooms: Rooms of the ``train`` split.
        val_rooms: Further rooms, of the ``val`` split.
        frames: Raw frame numbers of every room, as in a ScanNet export; the camera
            reaches a new view every 200.
        size: Image width and height in pixels.
        seed: Same seed, same bytes, for any number of workers.
        workers: Processes.
        theme: What the rooms are like, a name in ``THEMES``.

    Returns:
        Scene names of ``train`` and ``val``.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If ``root`` holds anything else.
    """
    check_choice("layout", layout, LAYOUTS)
    check_choice("theme", theme, THEMES)
    counts = {"frames": len(frames), "width": size[0], "height": size[1]}
    for name, value in {**counts, "workers": workers}.items():
        check_positive(name, value)
    if min(train_rooms, val_rooms, seed) < 0 or train_rooms + val_rooms == 0:
        raise ValueError(
            "`train_rooms`, `val_rooms` and `seed` must not be negative, and one room "
            f"is needed, got {train_rooms}, {val_rooms} and {seed}."
        )
    root, chosen = Path(root), LAYOUTS[layout]
    names = [f"scene{number:04d}_00" for number in range(train_rooms + val_rooms)]
    splits = {"train": names[:train_rooms], "val": names[train_rooms:]}
    manifest = {"version": VERSION, "layout": layout}
    manifest |= {"train_rooms": train_rooms, "val_rooms": val_rooms}
    manifest |= {"frames": list(frames), "size": list(size), "seed": seed}
    # Without the default, folders made before there were themes stay valid.
    manifest |= {"theme": theme} if theme != "home" else {}
    jobs = {
        name: (name, Job(seed * SEEDS_PER_DATASET + n, tuple(frames), size, theme))
        for n, name in enumerate(names)
    }
    task, text = partial(_write_one, layout, root), f"rendering {layout} rooms"
    write_missing(root, manifest, task, jobs, chosen.last, workers, text)
    chosen.write_meta(root, splits, frames)
    return splits


write_scannet = partial(write_dataset, "scannet")
write_rgbd_folder = partial(write_dataset, "rgbd_folder")


def _write_one(layout: str, root: Path, job: tuple[str, Job]) -> None:
    LAYOUTS[layout].write_scene(root, *job)


def write_missing(
    root: Path,
    manifest: dict[str, Any],
    task: Callable[[Any], None],
    jobs: Mapping[str, Any],
    last: str,
    workers: int,
    text: str,
) -> None:
    """Note the arguments in ``root``, then write the scenes that it lacks.

    Args:
        root: Output folder.
        manifest: What the folder is made with.
        task: Picklable; writes the scene of a job.
        jobs: Scene name -> job.
        last: File that ``task`` writes last; ``{0}`` is the scene's name.
        workers: Processes.
        text: What goes on.

    Raises:
        FileExistsError: If the folder was made with other arguments.
    """
    path, noted = root / MANIFEST, json.dumps(manifest, indent=1) + "\n"
    if not path.exists() or path.read_text() != noted:
        if listing(root):  # without the lock of this run
            made = "with other arguments" if path.exists() else "by something else"
            raise FileExistsError(
                f"{root} was made {made}. Remove it or choose another output folder."
            )
        write_text(path, noted)
    left = [jobs[name] for name in jobs if not (root / last.format(name)).exists()]
    done = run_parallel(task, left, min(workers, len(left)), __name__)
    for _ in track(done, len(left), text):
        pass
