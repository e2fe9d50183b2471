"""A world of instances for self-tests, the best answer to it, and broken ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from vantage3d.referee.instances.data import PredictedInstances, TrueInstances
from vantage3d.referee.task import Broken

UNITS = 4
LEAST, MOST = 1, 6  # segments of an instance; one of each number, and as many void
Predictions = Mapping[str, PredictedInstances]


def units(things: Sequence[int], least: int) -> dict[str, TrueInstances]:
    """Points on a line, in segments that belong to instances in any order.

    Args:
        things: Ids of classes; the units have some of them.
        least: Points of the smallest instance that counts.
    """
    found = {}
    sizes = np.arange(LEAST, MOST + 1)
    owners = np.repeat(np.arange(-1, len(sizes)), [sizes.sum(), *sizes])
    segments = np.repeat(np.arange(len(owners)), least + 10)
    points = np.zeros((len(segments), 3))
    points[:, 0] = 0.02 * np.arange(len(segments))
    for number in range(UNITS):
        rng = np.random.default_rng(number)
        ids = rng.permutation(owners)[segments]
        classes = rng.choice(things[:3], len(sizes))
        known = np.where(ids >= 0, classes[ids], 0)
        found[f"scene{number:04d}_00"] = TrueInstances(ids, known, points, segments)
    return found


def perfect(truth: TrueInstances) -> PredictedInstances:
    """Every true instance as a mask; scores tell nothing."""
    ids = np.unique(truth.instances[truth.instances >= 0])
    masks = truth.instances == ids[:, None]
    assert truth.classes is not None
    classes = truth.classes[masks.argmax(1)]
    return PredictedInstances(masks, np.linspace(0.9, 0.5, len(ids)), classes)


def broken(class_agnostic: bool) -> dict[str, Broken]:
    """Wrong answers by name."""
    found: dict[str, Callable[[Predictions], Predictions]] = {
        "shifted by one frame": _shifted,
        "one instance for all": _each(_whole),
        "nothing found": _each(_empty),
        "masks inverted": _each(lambda p: replace(p, masks=~p.masks)),
        "points shuffled": _each(_shuffled),
        "scores NaN": _each(lambda p: _scored(p, np.nan)),
        "scores in percent": _each(lambda p: replace(p, scores=100 * p.scores)),
    }
    if not class_agnostic:
        found["labels permuted"] = _each(_relabelled)
    answers = {name: _of_perfect(change) for name, change in found.items()}
    return answers | {"every superpoint": _superpoints}


def _of_perfect(change: Callable[[Predictions], Predictions]) -> Broken:
    return lambda truths: change({name: perfect(one) for name, one in truths.items()})


def _each(
    change: Callable[[PredictedInstances], PredictedInstances],
) -> Callable[[Predictions], Predictions]:
    return lambda answers: {name: change(one) for name, one in answers.items()}


def _shifted(answers: Predictions) -> Predictions:
    names = list(answers)
    return {name: answers[other] for name, other in zip(names, names[1:] + names[:1])}


def _whole(one: PredictedInstances) -> PredictedInstances:
    assert one.classes is not None
    masks = np.ones((1, one.masks.shape[1]), bool)
    return PredictedInstances(masks, np.ones(1), one.classes[:1])


def _empty(one: PredictedInstances) -> PredictedInstances:
    assert one.classes is not None
    return PredictedInstances(one.masks[:0], one.scores[:0], one.classes[:0])


def _shuffled(one: PredictedInstances) -> PredictedInstances:
    order = np.random.default_rng(0).permutation(one.masks.shape[1])
    return replace(one, masks=one.masks[:, order])


def _scored(one: PredictedInstances, score: float) -> PredictedInstances:
    scores = one.scores.copy()
    scores[0] = score
    return replace(one, scores=scores)


def _relabelled(one: PredictedInstances) -> PredictedInstances:
    """Each class gets the one that the next instance of another class has."""
    assert one.classes is not None
    known, places = np.unique(one.classes, return_inverse=True)
    return replace(one, classes=np.roll(known, 1)[places])


def _superpoints(truths: Mapping[str, TrueInstances]) -> Predictions:
    answers = {}
    for name, truth in truths.items():
        best = perfect(truth)
        assert truth.segments is not None and best.classes is not None
        masks = truth.segments == np.unique(truth.segments)[:, None]
        classes = np.full(len(masks), best.classes[0])
        answers[name] = PredictedInstances(masks, np.ones(len(masks)), classes)
    return answers
