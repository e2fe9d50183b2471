"""The windows of an evaluation: saved once, the same for every model."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vantage3d.checks import check_positive
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import read_sealed, seal

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
        atomic_write_bytes(path, seal(json.dumps(content, indent=1)))


def load_windows(path: Path) -> WindowChoice:
    """Read what :meth:`WindowChoice.save` wrote.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged or has no window.
    """
    if not path.is_file():
        raise FileNotFoundError(f"windows file {path} is missing. Check --windows")
    remedy = "Remove it to choose anew, then evaluate every model again"
    content = read_sealed(path, "windows file", remedy)
    try:
        del content["chosen"]
        windows = tuple(
            EvaluationWindow(**window | {"frames": tuple(window["frames"])})
            for window in content["windows"]
        )
        rules = WindowRules(**content["rules"])
        choice = WindowChoice(**content | {"rules": rules, "windows": windows})
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"windows file {path} is damaged ({error!r}). {remedy}"
        ) from error
    if not windows:
        raise ValueError(f"windows file {path} names no window. Remove it")
    return choice


def window_id(sequence: str, frames: Sequence[int]) -> str:
    """Name of a window: its sequence and first frame."""
    return f"{sequence}_{frames[0]:010d}"
