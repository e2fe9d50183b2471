"""Predicted instances in the formats that people write, one reader per format."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.arrays import load_array, load_arrays
from vantage3d.io.bounds import MASKS
from vantage3d.io.folders import folders_in, listing
from vantage3d.io.paths import inside
from vantage3d.io.text import read_text
from vantage3d.referee.instances.classes import TABLES
from vantage3d.referee.instances.data import PredictedInstances
from vantage3d.referee.task import Reader

REMEDY = "Write it again as docs/evaluate.md says"
WHAT = "predicted instances"
OBJECT = (
    "object"  # what networks that tell no classes apart find; ScanNet200 has it too
)


class BenchmarkText(Reader[PredictedInstances]):
    """ScanNet's benchmark: a list per scan, and a text file per mask below it."""

    name = "scannet-txt"
    says = (
        "SCAN.txt with lines `FOLDER/MASK.txt CLASS_ID SCORE`, masks with 0 or 1 a line"
    )

    def find(self, root: Path) -> dict[str, Path]:
        paths = [path for path in listing(root) if path.suffix == ".txt"]
        lists = {path.stem: path for path in paths if self._is_list(path)}
        return lists if any(path.stat().st_size for path in lists.values()) else {}

    @staticmethod
    def _is_list(path: Path) -> bool:
        """Whether it begins with a path and two numbers, or is empty: none found."""
        with path.open("rb") as file:
            words = file.readline(4096).split()
        return not words or (len(words) == 3 and words[0].endswith(b".txt"))

    def read(self, path: Path) -> PredictedInstances:
        rows = self._rows(path)
        masks = [_text_mask(mask) for mask, _, _ in rows]
        sizes = sorted({len(mask) for mask in masks})
        if len(sizes) > 1:
            raise ValueError(
                f"{path}: its masks have {sizes} lines, expected one number"
            )
        return PredictedInstances(
            np.array(masks, bool).reshape(len(masks), sizes[0] if sizes else 0),
            np.array([score for _, _, score in rows], np.float64),
            np.array([label for _, label, _ in rows], np.int64),
        )

    def files(self, path: Path) -> list[Path]:
        return [path, *(mask for mask, _, _ in self._rows(path))]

    def write(self, root: Path, name: str, data: PredictedInstances) -> None:
        classes = ids_or_first(data, self.rules.classes)
        (root / "predicted_masks").mkdir(parents=True, exist_ok=True)
        lines = []
        for number, (mask, label, score) in enumerate(
            zip(data.masks, classes, data.scores)
        ):
            relative = f"predicted_masks/{name}_{number:03d}.txt"
            write_numbers(root / relative, mask)
            lines.append(f"{relative} {label} {float(score)!r}\n")
        (root / f"{name}.txt").write_text("".join(lines))

    @staticmethod
    def _rows(path: Path) -> list[tuple[Path, int, float]]:
        rows = []
        for number, line in enumerate(read_text(path).splitlines(), 1):
            words = line.split()
            if not words:
                continue
            try:
                mask, label, score = words
                rows.append((mask, int(label), float(score)))
            except ValueError:
                raise ValueError(
                    f"{path}, line {number}: expected `FOLDER/MASK.txt CLASS_ID "
                    f"SCORE`, got {line!r:.80}. {REMEDY}"
                ) from None
        return [
            (inside(path.parent, mask, str(path)), label, score)
            for mask, label, score in rows
        ]


class _Npz(Reader[PredictedInstances]):
    """A ``.npz`` per unit, known by the names of its arrays.

    Attributes:
        masks: Name of the masks.
        scores: Names that scores may have.
        labels: Names that classes may have.
        points_first: Whether masks are (N, P), else (P, N).
    """

    masks: ClassVar[str]
    scores: ClassVar[Sequence[str]]
    labels: ClassVar[Sequence[str]]
    points_first: ClassVar[bool] = False

    def find(self, root: Path) -> dict[str, Path]:
        paths = [root] if root.is_file() else listing(root)
        return {
            path.stem: path
            for path in paths
            if path.suffix == ".npz" and self._is_own(names_of(path))
        }

    def _is_own(self, names: set[str]) -> bool:
        return self.masks in names and "color" not in names  # a frame of `predict`

    def read(self, path: Path) -> PredictedInstances:
        arrays = load_arrays(path, WHAT, REMEDY, bound=MASKS)
        scores = _one_of(arrays, self.scores, path)
        masks = arrays[self.masks]
        if masks.ndim == 3 and len(masks) == 1:  # the list of one that ESAM keeps
            masks = masks[0]
        masks = masks.T if self.points_first else masks
        if masks.ndim != 2 or len(masks) != len(scores):
            shape = "(N, P)" if self.points_first else "(P, N)"
            raise ValueError(
                f"{path}: `{self.masks}` must have shape {shape} for P = {len(scores)} "
                f"scores, got {arrays[self.masks].shape}. {REMEDY}"
            )
        return self._instances(path, as_bool(masks, path), scores, arrays)

    def _instances(
        self,
        path: Path,
        masks: NDArray[np.bool_],
        scores: NDArray,
        arrays: dict[str, NDArray],
    ) -> PredictedInstances:
        labels = None
        if not self.rules.class_agnostic:
            labels = self.class_ids(_one_of(arrays, self.labels, path), path)
        return PredictedInstances(
            masks, as_scores(scores, path), labels, arrays.get("points")
        )

    def class_ids(self, labels: NDArray, path: Path) -> NDArray[np.int64] | None:
        """Ids of the class table as they stand in files; None if it has none."""
        return whole_numbers(labels, path)

    def own_labels(self, data: PredictedInstances) -> NDArray:
        """Classes as this format has them."""
        return ids_or_first(data, self.rules.classes)

    def write(self, root: Path, name: str, data: PredictedInstances) -> None:
        arrays = {
            self.masks: data.masks.T if self.points_first else data.masks,
            self.scores[0]: data.scores,
            self.labels[0]: self.own_labels(data),
        }
        if data.points is not None:
            arrays["points"] = data.points
        root.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(root / f"{name}.npz", **arrays)


class OwnNpz(_Npz):
    """What ``vantage3d test --out`` writes, and the simplest for one's own model."""

    name = "npz"
    says = "UNIT.npz with `masks` (P, N), `scores` (P,), `classes` (P,) names or ids"
    masks, scores, labels = "masks", ("scores",), ("classes",)

    def class_ids(self, labels: NDArray, path: Path) -> NDArray[np.int64] | None:
        if labels.dtype.kind != "U":
            return super().class_ids(labels, path)
        return ids_of_names(labels, self.rules.classes, path)

    def own_labels(self, data: PredictedInstances) -> NDArray:
        return names_of_ids(super().own_labels(data), self.rules.classes)


class PointsFirstNpz(_Npz):
    """What Mask3D's descendants write: MaskClustering, OnlineAnySeg, OpenMask3D."""

    name = "mask3d-npz"
    says = (
        "UNIT.npz with `pred_masks` (N, P), `pred_score` or `pred_scores` (P,), "
        "`pred_classes` (P,) ids"
    )
    masks, labels = "pred_masks", ("pred_classes",)
    scores = ("pred_score", "pred_scores")
    points_first = True


class PredPtsSegNpz(_Npz):
    """MMDetection3D's ``pred_pts_seg``: OneFormer3D, ESAM, AutoSeg3D."""

    name = "esam-npz"
    says = (
        "UNIT.npz with `pts_instance_mask` (P, N), `instance_scores` (P,), "
        "`instance_labels` (P,) places among the things"
    )
    masks, scores = "pts_instance_mask", ("instance_scores",)
    labels = ("instance_labels",)

    def class_ids(self, labels: NDArray, path: Path) -> NDArray[np.int64]:
        places = whole_numbers(labels, path)
        ids = np.array(list(TABLES[self.rules.classes].things))
        if len(places) and not 0 <= places.min() <= places.max() < len(ids):
            raise ValueError(
                f"{path}: `instance_labels` must be places in the {len(ids)} classes "
                f"with instances, got {places.min()}..{places.max()}. {REMEDY}"
            )
        return ids[places]

    def own_labels(self, data: PredictedInstances) -> NDArray:
        things = list(TABLES[self.rules.classes].things)
        return np.array(
            [things.index(i) for i in super().own_labels(data).tolist()], int
        )


class NpyFolder(Reader[PredictedInstances]):
    """A folder per unit with an array per file, as one saves them by hand."""

    name = "npy"
    says = "UNIT/masks.npy (P, N), UNIT/scores.npy (P,), UNIT/classes.npy (P,) ids"

    def find(self, root: Path) -> dict[str, Path]:
        found = sorted(path for path in folders_in(root))
        return {path.name: path for path in found if (path / "masks.npy").is_file()}

    def files(self, path: Path) -> list[Path]:
        names = ["masks", "scores", "points"]
        names += [] if self.rules.class_agnostic else ["classes"]
        return [one for name in names if (one := path / f"{name}.npy").is_file()]

    def read(self, path: Path) -> PredictedInstances:
        known = {one.stem: load_array(one, WHAT, REMEDY) for one in self.files(path)}
        masks, scores = known["masks"], _one_of(known, ("scores",), path)
        classes = None
        if not self.rules.class_agnostic:
            classes = whole_numbers(_one_of(known, ("classes",), path), path)
        return PredictedInstances(
            as_bool(masks, path),
            as_scores(scores, path),
            classes,
            known.get("points"),
        )

    def write(self, root: Path, name: str, data: PredictedInstances) -> None:
        folder = root / name
        folder.mkdir(parents=True)
        np.save(folder / "masks.npy", data.masks)
        np.save(folder / "scores.npy", data.scores)
        np.save(folder / "classes.npy", ids_or_first(data, self.rules.classes))
        if data.points is not None:
            np.save(folder / "points.npy", data.points)


def names_of(path: Path) -> set[str]:
    """Names of the arrays of a ``.npz`` file; none of a damaged one."""
    try:
        with ZipFile(path) as store:
            return {name.removesuffix(".npy") for name in store.namelist()}
    except (BadZipFile, OSError):
        return set()


def ids_of_names(names: NDArray, table: str, path: Path) -> NDArray[np.int64] | None:
    """(P,) ids of names of classes; None of a network that calls everything "object".

    Raises:
        ValueError: If a name is none of the table's.
    """
    if len(names) and set(names.tolist()) == {OBJECT}:
        return None
    known = {**TABLES[table].stuff, **TABLES[table].things}
    ids = {name: key for key, name in known.items()}
    unknown = sorted(set(names.tolist()) - set(ids))
    if unknown:
        raise ValueError(
            f"{path}: {unknown[:5]} are no classes of {table}, which has "
            f"{list(ids)[:5]} ... Use its names or ids"
        )
    return np.array([ids[name] for name in names.tolist()], np.int64)


def whole_numbers(labels: NDArray, path: Path) -> NDArray[np.int64]:
    """(P,) ids of classes, which some write as floats.

    Raises:
        ValueError: If they are something else.
    """
    if labels.dtype.kind not in "iuf" or (labels != np.floor(labels)).any():
        raise ValueError(f"{path}: classes must be whole numbers, got {labels[:5]}")
    return labels.astype(np.int64)


def names_of_ids(ids: NDArray, table: str) -> NDArray[np.str_]:
    """(P,) names of ids of classes."""
    names = {**TABLES[table].stuff, **TABLES[table].things}
    return np.array([names[one] for one in ids.tolist()], np.str_)


def as_bool(masks: NDArray, path: Path) -> NDArray[np.bool_]:
    """Masks of 0 and 1 in any type.

    Raises:
        ValueError: If they are something else, such as probabilities.
    """
    if masks.dtype == bool:
        return np.ascontiguousarray(masks)
    wrong = (masks != 0) & (masks != 1)
    if wrong.any():
        raise ValueError(
            f"{path}: masks must be of 0 and 1, got {masks[wrong][0]}. Cut "
            "probabilities at your threshold first"
        )
    return np.ascontiguousarray(masks.astype(bool))


def as_scores(scores: NDArray, path: Path) -> NDArray[np.float64]:
    """(P,) scores.

    Raises:
        ValueError: If they are no numbers.
    """
    if scores.dtype.kind not in "fiub":
        raise ValueError(
            f"{path}: scores must be numbers, got {scores.dtype}. {REMEDY}"
        )
    return scores.astype(np.float64)


def _one_of(arrays: dict[str, NDArray], names: Sequence[str], path: Path) -> NDArray:
    for name in names:
        if name in arrays:
            return arrays[name]
    raise ValueError(
        f"{path} must have the array {' or '.join(f'`{n}`' for n in names)}, it has "
        f"{sorted(arrays)}. {REMEDY}"
    )


def ids_or_first(data: PredictedInstances, table: str) -> NDArray[np.int64]:
    """Classes of a prediction; the first of the table where none are told apart."""
    if data.classes is not None:
        return data.classes
    return np.full(len(data.scores), next(iter(TABLES[table].things)))


def write_numbers(path: Path, numbers: NDArray) -> None:
    """Whole numbers, one a line."""
    path.write_text("".join(f"{one}\n" for one in numbers.astype(int).tolist()))


def _text_mask(path: Path) -> NDArray[np.bool_]:
    """(N,) of a text file with a number a line; not zero is inside."""
    if not path.is_file():
        raise FileNotFoundError(f"mask {path} is missing. {REMEDY}")
    data = np.frombuffer(path.read_bytes(), np.uint8)
    pairs = data[: len(data) // 2 * 2].reshape(-1, 2)
    digits = pairs[:, 0] - ord("0")
    if (pairs[:, 1] == ord("\n")).all() and (digits < 10).all():
        rest = data[2 * len(pairs) :] - ord("0")  # no line feed at the end
        if (rest < 10).all():
            return np.concatenate([digits, rest]) != 0
    try:
        return np.array(data.tobytes().split(), np.float64) != 0
    except ValueError as error:
        raise ValueError(f"mask {path}: expected a number a line, {error}") from error
