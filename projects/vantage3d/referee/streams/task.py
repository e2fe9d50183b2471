"""Whether instances keep their ids: what trackers are measured by, under a protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from vantage3d.checks import check_choice, check_positive
from vantage3d.evaluation.tracking import (
    TrackedFrame,
    TrackSums,
    track_summary,
    track_sums,
    tracked,
)
from vantage3d.referee.instances.data import check_same_view
from vantage3d.referee.streams import made_up
from vantage3d.referee.streams.data import (
    Ids,
    OwnIds,
    ShownIds,
    StreamFiles,
    TrueImages,
    TrueNpz,
)
from vantage3d.referee.task import MODEL, Arrays, Broken, Figures, Task
from vantage3d.views.transform import nearest

ONE, FRESH = "one id for everything", "fresh ids in each frame"
Shown = Mapping[str, ShownIds]
True_ = Mapping[str, Ids]


@dataclass(frozen=True)
class StreamRules:
    """The choices of a protocol of streams; its files say what each means."""

    min_region: int
    void: str
    left_out: str
    averaging: str

    def __post_init__(self) -> None:
        check_positive("min_region", self.min_region)
        check_choice("void", self.void, ["half"])
        check_choice("left_out", self.left_out, ["missed"])
        check_choice("averaging", self.averaging, ["summed"])


class StreamsTask(Task[Shown, True_]):
    """HOTA, IDF1 and what else tells one tracker from another."""

    name = "streams"
    unit = "streams"
    readers = (OwnIds, StreamFiles)
    truth_readers = (TrueImages, TrueNpz)
    Rules = StreamRules

    @property
    def headline(self) -> tuple[str, ...]:
        return ("track.hota", "track.idf1")

    def measure(self, name: str, pred: Shown, truth: True_) -> dict[str, Arrays]:
        if not set(pred) & set(truth) and pred:
            raise ValueError(
                f"none of the {len(pred)} predicted frames ({', '.join([*pred][:3])}) "
                f"is among the {len(truth)} of the truth ({', '.join([*truth][:3])}). "
                "Call frames of both alike"
            )
        answers: dict[str, list[TrackedFrame]] = {MODEL: [], ONE: [], FRESH: []}
        numbers = count()
        left_out = 0
        for frame, true_ids in truth.items():
            left_out += frame not in pred
            shown = pred.get(frame, ShownIds(np.zeros((0, 1), bool), np.zeros(0, int)))
            masks = self._masks(frame, shown, true_ids)
            for answer, ids in ((MODEL, shown.ids), (ONE, np.zeros_like(shown.ids))):
                one = tracked(name, true_ids.ravel(), masks, ids, self.rules.min_region)
                answers[answer].append(one)
            fresh = np.array([next(numbers) for _ in answers[MODEL][-1].ids], np.int64)
            answers[FRESH].append(answers[MODEL][-1]._replace(ids=fresh))
        return {
            answer: self._arrays(track_sums(frames), left_out, len({*pred} - {*truth}))
            for answer, frames in answers.items()
        }

    @staticmethod
    def _masks(frame: str, shown: ShownIds, true_ids: Ids) -> Any:
        """(P, N) masks on the pixels of the truth."""
        masks, shape = shown.masks, true_ids.shape
        if not len(masks):
            return np.zeros((0, true_ids.size), bool)
        if masks.ndim == 3 and len(shape) == 2 and masks.shape[1:] != shape:
            check_same_view(masks.shape[1:], shape)
            masks = nearest(masks.transpose(1, 2, 0), *shape).transpose(2, 0, 1)
        if masks[0].size != true_ids.size:
            raise ValueError(
                f"frame {frame}: masks are over {masks[0].size} points and the truth "
                f"has {true_ids.size}. Predict on the pixels of the truth"
            )
        return np.ascontiguousarray(masks.reshape(len(masks), -1))

    @staticmethod
    def _arrays(sums: TrackSums, left_out: int, unjudged: int) -> Arrays:
        arrays = {name: np.asarray(value) for name, value in sums._asdict().items()}
        return arrays | {"left_out": np.array(left_out), "more": np.array(unjudged)}

    def figures(self, units: Sequence[Arrays]) -> Figures:
        sums = [TrackSums._make(unit[k] for k in TrackSums._fields) for unit in units]
        found = track_summary(sums)
        names = [key.removeprefix("track.") for key in self.headline]
        order = [*names, *(name for name in found if name not in names)]
        return {f"track.{name}": float(found[name]) for name in order}

    def counts(self, units: Sequence[Arrays]) -> dict[str, int]:
        return {
            "frames": int(sum(unit["frames"] for unit in units)),
            "of them not predicted": int(sum(unit["left_out"] for unit in units)),
            "predicted frames without truth": int(sum(unit["more"] for unit in units)),
            "true instances": int(sum(unit["instances"] for unit in units)),
            "ids": int(sum(unit["born"] for unit in units)),
        }

    def nothing(self, truth: True_) -> Shown:
        return {}

    def made_up(self) -> dict[str, True_]:
        return dict(made_up.streams(self.rules.min_region))

    def perfect(self, truth: True_) -> Shown:
        return made_up.perfect(truth)

    def broken(self) -> dict[str, Broken]:
        return made_up.broken()
