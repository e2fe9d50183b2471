"""``tools/create_data.py scannet``: an index of exported ScanNet scenes."""

import argparse
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.report import refuse_skipped
from vantage3d.converters.index.source import Unusable
from vantage3d.converters.lists import add_available, on_disk
from vantage3d.converters.recordings import RecordingSource
from vantage3d.converters.runs import add_index_arguments, from_args, index_options
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.images import encode_png
from vantage3d.io.matrices import matrix_text
from vantage3d.io.sens import SensFile, open_sens
from vantage3d.io.text import read_list
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track
from vantage3d.recordings.layouts.scannet import ScanNet
from vantage3d.recordings.layouts.sens import sens_files
from vantage3d.recordings.options import Remedies, add_remedies
from vantage3d.views.index import (
    IndexedFrame,
    check_splits,
    is_test_scene,
    split_scenes,
)

SPLITS = ("train", "val", "test")
MARKER = "export.json"  # written last, with what it was made of


@dataclass(frozen=True)
class ScanNetSource(RecordingSource):
    """Exported scenes in ScanNet's splits.

    Without lists the number of a scene decides: those of ScanNet's test set are
    ``test``, all others ``train``.

    Attributes:
        lists: Files of scene names by split, instead of ``meta_data`` in ``root``.
        frame_step: Takes frames whose number is a multiple of this.
        available: Whether scenes of a list may be missing.
    """

    lists: Mapping[str, Path] = field(default_factory=dict)
    frame_step: int = 1
    available: bool = False

    @property
    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"--val-scenes": list(self.val_scenes)}
        if self.frame_step != 1:
            options["--frame-step"] = self.frame_step
        return options | self.said

    def splits(self) -> dict[str, list[str]]:
        scenes = self.recording.sequences()
        test = list(filter(is_test_scene, scenes))
        rest = [scene for scene in scenes if scene not in test]
        if self.val_scenes:
            return split_scenes(rest, {"val": self.val_scenes}) | {"test": test}
        listed = {split: self._listed(split) for split in SPLITS}
        check_splits(listed)
        found = {
            split: on_disk(names, scenes, f"the list of {split}", self.available)
            for split, names in listed.items()
        }
        return found if any(found.values()) else {"train": rest, "test": test}

    def _listed(self, split: str) -> list[str]:
        """Scenes of a list, or of ScanNet's list of frames ``<scene>_<n>``."""
        if self.lists:
            return read_list(self.lists[split]) if split in self.lists else []
        scenes, frames = (
            self.root / "meta_data" / f"scannetv2_{kind}{split}.txt"
            for kind in ("", "sv_")
        )
        if scenes.is_file():
            return read_list(scenes)
        lines = read_list(frames) if frames.is_file() else []
        return list(dict.fromkeys(line.rpartition("_")[0] for line in lines))

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        found = super().frames(sequence)
        if all(isinstance(frame, Unusable) for frame in found):
            raise FileNotFoundError(
                f"{self.root / sequence} holds no frames with colour and depth"
                f"{f': {found[0].reason}' if found else ''}. Export the scene, or take "
                "it off the list"
            )
        return found

    def names(self, sequence: str) -> list[str]:
        names = [name for name in super().names(sequence) if name.isdigit()]
        return [name for name in names if int(name) % self.frame_step == 0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser)
    add = parser.add_argument
    text = "held-out scenes, * is a wildcard; meta_data/scannetv2_*.txt by default"
    add("--val-scenes", nargs="+", default=[], help=text)
    for split in SPLITS:
        text = f"scenes of {split}, one per line, instead of meta_data"
        add(f"--{split}-list", type=Path, metavar="FILE", help=text)
    text = "takes frames whose number is a multiple; `gap` still counts all frames"
    add("--frame-step", type=int, default=1, help=text)
    add_available(parser)
    add_remedies(parser)


def run(args: argparse.Namespace) -> None:
    """Index exported scenes, or ``.sens`` files after exporting them to --out-dir.

    Raises:
        ValueError: If options contradict each other, a list names official test scenes
            for training, or too much is damaged.
    """
    options = index_options(args, "scannet", "frame_step")
    lists = {s: path for s in SPLITS if (path := getattr(args, f"{s}_list"))}
    if lists and args.val_scenes:
        raise ValueError(
            f"--val-scenes and --{next(iter(lists))}-list exclude each other; name the "
            "scenes of all splits in lists, or the held-out ones with --val-scenes"
        )
    root, recordings = args.root_path, sens_files(args.root_path)
    if recordings:
        # The scenes lie elsewhere, the lists where they were.
        released = {s: root / "meta_data" / f"scannetv2_{s}.txt" for s in SPLITS}
        lists = lists or {s: path for s, path in released.items() if path.is_file()}
        root = args.out_dir / "scans"
        mine = dict(options.shard.of(list(recordings.items())))
        export_recordings(
            mine, root, args.frame_step, options.workers, options.max_skipped
        )
        if not options.shard.is_all:  # which scenes there are, the others decide too
            options.say_share(len(mine), len(recordings), "recordings")
            return
    build_index(
        ScanNetSource(
            ScanNet(root, from_args(Remedies, args)),
            *(tuple(args.val_scenes), (), lists, args.frame_step, args.available),
        ),
        options,
    )


def export_recordings(
    recordings: Mapping[str, Path],
    out_dir: Path,
    step: int,
    workers: int,
    max_skipped: float,
) -> None:
    """Write ``color depth pose intrinsic`` of scenes into ``<out_dir>/<scene>``.

    Scenes that were finished with the same step are kept.

    Raises:
        ValueError: If a larger share than ``max_skipped`` is damaged.
    """
    task = partial(_export_one, out_dir=out_dir, step=step)
    results = run_parallel(task, list(recordings.items()), workers, __name__)
    skipped = {}
    for scene, reason in track(results, len(recordings), "exporting .sens"):
        if reason:
            skipped[scene] = reason
            text = f"skipped {scene}: {reason}"
            print_log(text, logger="current", level=logging.WARNING)
    refuse_skipped("recordings", skipped, len(recordings), max_skipped)


def _export_one(item: tuple[str, Path], out_dir: Path, step: int) -> tuple[str, str]:
    """The scene, and why it could not be exported."""
    scene, path = item
    folder = out_dir / scene
    made_of = json.dumps({"bytes": path.stat().st_size, "frame_step": step})
    marker = folder / MARKER
    if marker.is_file() and marker.read_text() == made_of:
        return scene, ""
    shutil.rmtree(folder, ignore_errors=True)
    facts = path.with_suffix(".txt")
    try:
        _write_scene(open_sens(path), folder, step)
        if facts.is_file():
            shutil.copy(facts, folder)
    except ValueError as error:
        shutil.rmtree(folder, ignore_errors=True)
        return scene, str(error)
    atomic_write_bytes(marker, made_of.encode())
    return scene, ""


def _write_scene(recording: SensFile, folder: Path, step: int) -> None:
    for part in ("color", "depth", "pose", "intrinsic"):
        (folder / part).mkdir(parents=True)
    header = recording.header
    for sensor, K in (("color", header.K_color), ("depth", header.K_depth)):
        (folder / "intrinsic" / f"intrinsic_{sensor}.txt").write_text(matrix_text(K))
    for number in range(0, header.frames, step):
        (folder / "color" / f"{number}.jpg").write_bytes(recording.color(number))
        png = encode_png(recording.millimetres(number))
        (folder / "depth" / f"{number}.png").write_bytes(png)
        pose = matrix_text(recording.poses[number])
        (folder / "pose" / f"{number}.txt").write_text(pose)
