"""Memory and open files of one process over many frames of each tool."""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.soak_damage import ESAM, STREETS, built

from vantage3d.process.memory import memory_mb
from vantage3d.process.progress import track

_CONTEXT = multiprocessing.get_context("fork")
WARM_UP = 0.1  # of the frames, before counting begins
ALLOWED_MB = 20.0  # that a process may grow after it
Work = Callable[[], Callable[[int], Any]]  # made in the process: from a number to work


@dataclass
class Growth:
    """What a process has after its warm-up and at its end; empty before it ran."""

    name: str
    wanted: int = 0  # frames
    frames: int = 0
    megabytes: tuple[float, ...] = ()
    files: tuple[int, ...] = ()
    cpu_s: float = 0.0
    error: str = ""  # that ended it

    @property
    def done(self) -> int:
        """Frames; all of them or none."""
        return self.frames

    @property
    def passed(self) -> bool:
        """Whether neither files stay open nor memory grows."""
        if not self.frames:
            return not self.error
        megabytes, files = (end - begin for begin, end in (self.megabytes, self.files))
        return files <= 0 and megabytes <= ALLOWED_MB


def tools(root: Path) -> dict[str, Work]:
    """What the tools do with a frame, on the data of the kills."""
    return {
        "frames of ScanNet, read and checked": lambda: _index(root),
        "samples of ScanNet, made": lambda: _sample(root),
        "samples of ESAM, loaded": lambda: _loaded(ESAM, root / "scannet200_sv"),
        "samples of VGGT, loaded": lambda: _loaded(STREETS, root / "kitti360"),
        "image features, written": _features,
        "steps of ESAM": lambda: _steps(root / "scannet200_sv"),
    }


def grow(work: Work, found: Growth) -> None:
    """Do the work for all wanted frames in a process of its own; fill in the rest.

    Raises:
        RuntimeError: If the process dies.
    """
    if found.frames >= found.wanted:
        return
    answers, answer = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_count, args=(work, found.wanted, answer))
    process.start()
    answer.close()
    try:
        found.megabytes, found.files, found.cpu_s = answers.recv()
        found.frames = found.wanted
    except EOFError as error:
        raise RuntimeError(f"{found.name}: its process died, see above") from error
    finally:
        process.kill()
        process.join()


def _count(work: Work, frames: int, answer: Any) -> None:
    torch.set_num_threads(1)
    do, counts = work(), []
    for number in track(range(frames), interval_s=60):
        if number == int(WARM_UP * frames):
            counts.append((memory_mb("VmRSS"), _open_files()))
        do(number)
    counts.append((memory_mb("VmRSS"), _open_files()))
    answer.send((*zip(*counts), time.process_time()))


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _index(root: Path) -> Callable[[int], Any]:
    from vantage3d.converters.index.sequence import read_checked
    from vantage3d.views.index import FrameIndex

    index = FrameIndex.load(root / "scannet" / "train.npz")
    frames = [frame for name in index.sequences for frame in index.frames(name)]
    raw = root / "scannet" / index.facts.root

    def read(number: int) -> Any:
        frame = frames[number % len(frames)]
        return read_checked(raw, index.facts, frame, str(frame.number))

    return read


def _sample(root: Path) -> Callable[[int], Any]:
    from vantage3d.cli.arguments import command_parser
    from vantage3d.esam.converters import scannet
    from vantage3d.esam.converters.samples import make_sample
    from vantage3d.esam.converters.segmenters import SegmenterOptions, build_segmenter

    made: list[Any] = []
    scannet_convert, scannet.convert = scannet.convert, lambda one, _: made.append(one)
    parser = command_parser("")
    parser.set_defaults(dataset="scannet200_sv")
    scannet.add_arguments(parser)
    folders = ["--root-path", str(root / "rooms"), "--out-dir", str(root / "none")]
    scannet.run(parser.parse_args([*folders, "--frame-interval", "20"]))
    scannet.convert = scannet_convert
    (labeller,) = made
    names = labeller.samples()["train"]
    segmenter = build_segmenter(SegmenterOptions())
    return lambda number: make_sample(
        labeller, names[number % len(names)], segmenter, 2000, 0
    )


def _loaded(config: str, root: Path) -> Callable[[int], Any]:
    from vantage3d.process.seeding import SeededIndex

    dataset = built(config, root)
    return lambda number: dataset[SeededIndex(number % len(dataset), number)]


def _features() -> Callable[[int], Any]:
    from vantage3d.io.features import FeatureSource, read_features, write_features

    folder = Path(tempfile.mkdtemp())
    source = FeatureSource(
        model="x",
        channels=64,
        patch=14,
        image_size=(112, 84),
        input_size=(112, 84),
        weights="0",
        layers=(0,),
    )
    feats = torch.from_numpy(np.zeros((64, 6, 8), np.float16))

    def write(number: int) -> Any:
        path = folder / f"{number % 100}.safetensors"
        write_features(path, feats, source, str(number))
        return read_features(path, source)

    return write


def _steps(root: Path) -> Callable[[int], Any]:
    from mmengine.dataset import pseudo_collate

    from vantage3d.engine import load_config
    from vantage3d.registry import MODELS

    model = MODELS.build(load_config(ESAM).model)
    dataset = built(ESAM, root)

    def step(number: int) -> None:
        batch = pseudo_collate([dataset[number % len(dataset)]])
        batch = model.data_preprocessor(batch, True)
        losses = model(**batch, mode="loss")
        sum(v for v in losses.values() if torch.is_tensor(v)).backward()
        model.zero_grad()

    return step
