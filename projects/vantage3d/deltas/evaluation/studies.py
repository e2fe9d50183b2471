"""Studies: what the spacing of views, the range, the size and the weights change.

A study is a list of rows, each a test with a few settings changed. Only what the row
names differs: the mask of the evaluation stays that of the config unless the row says
otherwise, because rows with different masks cannot be compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

DATASET = "test_dataloader.dataset"
EVALUATOR = "test_evaluator"
CLASSICAL = "classical"  # the study of features without learning
SPEED = "speed"  # the study of costs, beside other networks
WITHOUT = "no points"
NO_POINTS = {"model.sparse_range": (1e6, 2e6)}
# Published: longer sequences, smaller gaps, the same volume seen.
SEQUENCES = ((3, 20), (4, 15), (5, 12), (7, 10))
Options = dict[str, Any]
Metrics = dict[str, float]


@dataclass(frozen=True)
class Row:
    """One test of a study.

    Attributes:
        name: Name in the table.
        options: Dotted config keys and values that differ.
        x: Where it stands in the plot; None for a control, drawn as a line.
        checkpoint: Weights, where they are not the study's.
        same_mask: Whether true depth is judged over the study's range.
        control: Name of the row that is the same without any point.
    """

    name: str
    options: Options = field(default_factory=dict)
    x: float | None = None
    checkpoint: Path | None = None
    same_mask: bool = True
    control: str = ""


@dataclass(frozen=True)
class Result:
    """What the evaluator returned of a row.

    Attributes:
        row: The row.
        metrics: By their keys.
        command: What gives it again.
        keypoints: File of its keypoints, where there are any.
    """

    row: Row
    metrics: Metrics
    command: str
    keypoints: Path | None = None


@dataclass(frozen=True)
class Settings:
    """What a user may choose of a study.

    Attributes:
        gaps: Frames between neighbouring views.
        views: Views of a sample, of the study of gaps.
        narrow: The range of depth of the weights, metres.
        wide: The other range.
        sizes: (H, W) of the views.
        sequences: (number of views, gap).
        weights: Further checkpoints by name, for the study of weights.
        legacy: Names among ``weights`` that need the released numerics.
    """

    gaps: Sequence[int] = (1, 5, 10, 20)
    views: int = 3
    narrow: tuple[float, float] = (0.5, 10.0)
    wide: tuple[float, float] = (0.1, 20.0)
    sizes: Sequence[tuple[int, int]] = ((240, 320), (480, 640))
    sequences: Sequence[tuple[int, int]] = SEQUENCES
    weights: Mapping[str, Path] = field(default_factory=dict)
    legacy: Sequence[str] = ()


def gap_rows(settings: Settings) -> list[Row]:
    """Spacing of the views, with controls that cannot have used it.

    Anchors are those that have views at the largest gap, whether the camera moves or
    not: a row of its own anchors would show where the camera stands still.
    """
    same = {
        f"{DATASET}.min_baseline": 0.0,
        f"{DATASET}.anchors_of": (settings.views, max(settings.gaps)),
    }
    rows, controls = [], []
    for gap in settings.gaps:
        options = {**same, f"{DATASET}.gap": gap}
        name, control = f"gap {gap}", f"gap {gap}, {WITHOUT}"
        rows.append(Row(name, options, float(gap), control=control))
        controls.append(Row(control, options | NO_POINTS))
    last = rows[-1].options
    for mistake in ("stride", "inverted"):
        wrong = {"custom_hooks": [{"type": "WrongPosesHook", "mistake": mistake}]}
        controls.append(Row(f"{rows[-1].name}, wrong poses: {mistake}", last | wrong))
    return rows + controls


def range_rows(settings: Settings) -> list[Row]:
    """The three ranges that one option upstream confuses, one at a time."""
    narrow, wide = settings.narrow, settings.wide
    search = {"model.search_range": wide, f"{EVALUATOR}.search_range": wide}
    sparse = {"model.sparse_range": wide}
    # Else the filter of the sparse points would follow the search.
    base = {"model.search_range": narrow, "model.sparse_range": narrow}
    mask = {f"{EVALUATOR}.min_depth": wide[0], f"{EVALUATOR}.max_depth": wide[1]}
    text = f"{wide[0]:g} to {wide[1]:g} m"
    rows = [
        Row(f"{narrow[0]:g} to {narrow[1]:g} m", base, 0.0),
        Row(f"search {text}", base | search, 1.0),
        Row(f"sparse filter {text}", base | sparse, 2.0),
        Row(f"search and filter {text}", search | sparse, 3.0),
        Row(f"mask {text}", base | mask, 4.0, same_mask=False),
        Row(f"all {text}", search | sparse | mask, 5.0, same_mask=False),
    ]
    rows = [replace(row, control=WITHOUT if row.same_mask else "") for row in rows]
    return [*rows, Row(WITHOUT, base | NO_POINTS)]


def resolution_rows(settings: Settings) -> list[Row]:
    """Size of the views; all judged at the size of the depth files."""
    native = {f"{EVALUATOR}.eval_resolution": "native", f"{DATASET}.native_depth": True}
    return [
        Row(f"{w}x{h}", {**native, f"{DATASET}.size": (h, w)}, float(w))
        for h, w in settings.sizes
    ]


def length_rows(settings: Settings) -> list[Row]:
    """Number of views, with the gap that goes with it; anchors are the first row's.

    Where the camera stands still few views have nothing to triangulate, so those
    anchors would show that more views help, and hide whether they hurt.
    """
    same = {f"{DATASET}.anchors_of": settings.sequences[0]}
    return [
        Row(
            f"{length} views, gap {gap}",
            {**same, f"{DATASET}.frames": length, f"{DATASET}.gap": gap},
            float(length),
        )
        for length, gap in settings.sequences
    ]


def weight_rows(settings: Settings) -> list[Row]:
    """The study's weights and others, on the same samples.

    Raises:
        ValueError: If there are no others, or a name of ``legacy`` is unknown.
    """
    unknown = [name for name in settings.legacy if name not in settings.weights]
    if not settings.weights or unknown:
        raise ValueError(
            "the study of weights needs others: give --weights NAME=FILE ..., of which "
            f"--legacy names some; got {list(settings.weights)} and "
            f"{list(settings.legacy)}."
        )
    rows = [Row("own", x=0.0)]
    for number, (name, path) in enumerate(settings.weights.items(), 1):
        options = {"model.legacy": True} if name in settings.legacy else {}
        rows.append(Row(name, options, float(number), checkpoint=path))
    return rows


class Study(NamedTuple):
    """Rows of a study, and what ``x`` of a row is: empty where rows are only names."""

    rows: Callable[[Settings], list[Row]]
    axis: str = ""


STUDIES = {
    "seq_gap": Study(gap_rows, "frames between views"),
    "depth_range": Study(range_rows),
    "resolution": Study(resolution_rows, "width of the views, pixels"),
    "seq_length": Study(length_rows, "views"),
    "weights": Study(weight_rows),
}
