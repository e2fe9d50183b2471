"""The windows of an evaluation: chosen once, saved, the same for every model."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from projects.common.checks import check_positive
from projects.common.io.atomic import atomic_write_bytes
from projects.vggt_lora.datasets.buckets import SHARES, make_buckets
from projects.vggt_lora.datasets.saved_subset import fixed_windows

UNLABELLED = "unlabelled"
FILE = "windows.json"


@dataclass(frozen=True)
class EvaluationWindow:
    """Frames that a model sees together.

    Attributes:
        id: Name, unique in its file.
        sequence: Of the frames.
        frames: Their numbers.
        bucket: ``rich``, ``mixed`` or ``road`` by the building ratio of the frame in
            the middle, ``unlabelled`` without labels.
    """

    id: str
    sequence: str
    frames: tuple[int, ...]
    bucket: str


@dataclass(frozen=True)
class WindowRules:
    """How windows are chosen.

    Attributes:
        split: Of the dataset.
        seq_len: Frames per window; None for as many as the config has.
        seq_stride: Positions from one window to the next; None for ``seq_len``.
        max_seqs: How many at most; None for all.
        stratified: Choose by bucket, in the shares of the building recipe, rather than
            evenly over all.
        seed: Of the choice.
    """

    split: str
    seq_len: int | None = None
    seq_stride: int | None = None
    max_seqs: int | None = None
    stratified: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("seq_len", "seq_stride", "max_seqs"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        if self.stratified and self.max_seqs is None:
            raise ValueError(
                "--stratified-sampling chooses among windows, got no --max-seqs. Say "
                "how many windows to choose"
            )

    def filled(self, frames: int) -> "WindowRules":
        """With the config's number of ``frames`` where none was given."""
        length = self.seq_len or frames
        stride = self.seq_stride or length
        return replace(self, seq_len=length, seq_stride=stride)


@dataclass(frozen=True)
class WindowChoice:
    """Windows with everything that tells them from others.

    Attributes:
        rules: How they were chosen.
        data_root: Name of the folder of the data.
        index_hash: Of what the index of the split says about every frame.
        windows: In the order of the data.
        available: Number of windows of each bucket to choose from.
        ratios: Wanted shares of the buckets; None where nobody asked for any.
    """

    rules: WindowRules
    data_root: str
    index_hash: str
    windows: tuple[EvaluationWindow, ...]
    available: Mapping[str, int] = field(default_factory=dict)
    ratios: Mapping[str, float] | None = None

    @property
    def hash(self) -> str:
        """SHA-256 of windows and data: equal for runs that can be compared."""
        text = json.dumps([self.index_hash, [asdict(w) for w in self.windows]])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def chosen(self) -> dict[str, int]:
        """Number of chosen windows of each bucket."""
        return dict(Counter(window.bucket for window in self.windows))

    def save(self, path: Path) -> None:
        """Write the choice as JSON."""
        content = {**asdict(self), "chosen": self.chosen}
        atomic_write_bytes(path, json.dumps(content, indent=1).encode())


def load_windows(path: Path) -> WindowChoice:
    """Read what :meth:`WindowChoice.save` wrote.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged or has no window.
    """
    if not path.is_file():
        raise FileNotFoundError(f"windows file {path} is missing. Check --windows")
    try:
        content = json.loads(path.read_text())
        windows = tuple(
            EvaluationWindow(w["id"], w["sequence"], tuple(w["frames"]), w["bucket"])
            for w in content["windows"]
        )
        choice = WindowChoice(
            WindowRules(**content["rules"]),
            content["data_root"],
            content["index_hash"],
            windows,
            content["available"],
            content["ratios"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"windows file {path} is damaged ({error!r}). Remove it to choose anew, "
            "then evaluate every model again"
        ) from error
    if not windows:
        raise ValueError(f"windows file {path} names no window. Remove it")
    return choice


def window_id(sequence: str, frames: Sequence[int]) -> str:
    """Name of a window: its sequence and first frame."""
    return f"{sequence}_{frames[0]:010d}"


def index_hash(dataset: Any) -> str:
    """SHA-256 of what the index of a dataset says about every frame."""
    digest = hashlib.sha256(type(dataset).__name__.encode())
    for fact in dataset.index_facts():
        digest.update(json.dumps(fact, sort_keys=True).encode())
    return digest.hexdigest()


def choose_windows(dataset: Any, rules: WindowRules) -> WindowChoice:
    """Choose among the fixed windows of a dataset.

    Args:
        dataset: In test mode, with the frames and stride of ``rules``.
        rules: How many, and how.

    Raises:
        ValueError: If buckets are asked for and the split has no labels.
    """
    windows = [
        EvaluationWindow(
            f"{name}_{ids[0]:010d}", name, ids, _bucket(dataset, name, ids)
        )
        for name, ids in fixed_windows(dataset)
    ]
    available = dict(Counter(window.bucket for window in windows))
    if rules.stratified and set(available) == {UNLABELLED}:
        raise ValueError(
            f"--stratified-sampling needs building ratios, but split {rules.split!r} "
            f"of {dataset.data_root} has no labels. Choose without it"
        )
    rng = np.random.default_rng(rules.seed)
    number = min(rules.max_seqs or len(windows), len(windows))
    if rules.stratified:
        picked = _by_bucket(windows, number, rng)
    else:
        picked = rng.permutation(len(windows))[:number].tolist()
    return WindowChoice(
        rules,
        Path(dataset.data_root).resolve().name,
        index_hash(dataset),
        tuple(windows[i] for i in sorted(picked)),
        available,
        dict(SHARES) if rules.stratified else None,
    )


def check_windows(choice: WindowChoice, dataset: Any, path: Path) -> list[int]:
    """Indices in ``dataset`` of the windows of a file.

    Raises:
        ValueError: If the file belongs to another data root or another split, or the
            dataset lacks a window of it.
    """
    name, found = Path(dataset.data_root).resolve().name, index_hash(dataset)
    if choice.rules.split != dataset.split or choice.index_hash != found:
        raise ValueError(
            f"windows file {path} was made on split {choice.rules.split!r} of "
            f"{choice.data_root} (index {choice.index_hash[:12]}), this is split "
            f"{dataset.split!r} of {name} (index {found[:12]}): results would not be "
            "comparable. Give the data it was made on, or choose windows in another "
            "--out-dir"
        )
    known = {window: i for i, window in enumerate(fixed_windows(dataset))}
    for window in choice.windows:
        if (window.sequence, window.frames) not in known:
            raise ValueError(
                f"windows file {path} names frames {list(window.frames)} of "
                f"{window.sequence}, which are no window of the data. Choose the "
                "windows anew in another --out-dir"
            )
    return [known[window.sequence, window.frames] for window in choice.windows]


def _bucket(dataset: Any, sequence: str, frames: Sequence[int]) -> str:
    ratio = dataset.building_ratio(sequence, frames[len(frames) // 2])
    if ratio is None:
        return UNLABELLED
    return next(name for name, where in make_buckets([ratio]).items() if len(where))


def _by_bucket(
    windows: Sequence[EvaluationWindow], number: int, rng: np.random.Generator
) -> list[int]:
    """Indices by the shares of the recipe; what a bucket lacks the others give."""
    queues = {
        name: rng.permutation(
            [i for i, window in enumerate(windows) if window.bucket == name]
        ).tolist()
        for name in (*SHARES, UNLABELLED)
    }
    wanted = {name: int(share * number) for name, share in SHARES.items()}
    picked = [i for name, share in wanted.items() for i in queues[name][:share]]
    rest = [i for name in queues for i in queues[name][wanted.get(name, 0) :]]
    # The last bucket takes what rounding leaves over, then whoever has windows.
    last = list(SHARES)[-1]
    spare = sorted(rest, key=lambda i: windows[i].bucket != last)
    return picked + spare[: number - len(picked)]
