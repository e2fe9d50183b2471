"""Which hypothesis explains the views best, and by how much."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.recordings.preflight.agreement import Agreement
from vantage3d.recordings.preflight.hypotheses import (
    GIVEN,
    Facts,
    Hypothesis,
    first_changes,
    single_changes,
)

LOOKED_AT = 10  # hypotheses of a round that all pairs are asked about
KEPT = 3  # of those, that are changed further
DEEPEST = 3  # things that may be wrong at a time
EACH = 0.003  # of the score, that a further change must bring
# For these: two sensors are never quite one, and a unit is off by a lot or not at all.
LEAST = {"color_focal": 0.02, "scale": 0.02}
SURE = 3.5  # standard errors, likewise; and by which a change must be worse to be told
SMALLEST = 1e-4  # of the score: standard errors below it are chance
FINE = (0.96, 0.98, 1.02, 1.04)  # steps of a focal length around the best one
Measure = Callable[[Hypothesis], Agreement]


class Untold(NamedTuple):
    """A change that the views do not tell from the recording as it is read.

    Attributes:
        guess: The change.
        gain: Mean difference of the scores, for all that is known below zero.
        errors: The same in standard errors.
    """

    guess: Hypothesis
    gain: float
    errors: float


class Comparison(NamedTuple):
    """The best hypothesis beside the recording as it is read now.

    Attributes:
        best: The hypothesis.
        given_agreement: Of the recording as it is read now.
        best_agreement: Of the hypothesis.
        gain: Mean difference of the scores over pairs that both have.
        errors: The same in standard errors.
        untold: Single changes that do as well; none where the best one is a change.
    """

    best: Hypothesis
    given_agreement: Agreement
    best_agreement: Agreement
    gain: float
    errors: float
    untold: tuple[Untold, ...] = ()


def compare(few: Measure, every: Measure, facts: Facts) -> Comparison:
    """Try hypotheses, singly and together, and return the best.

    Further changes are tried on the best few only. One more change must raise the score
    by ``EACH`` and by ``SURE`` standard errors.

    Args:
        few: Agreement of a few pairs of views under a hypothesis, to sort by.
        every: That of all pairs.
        facts: Which hypotheses there are.
    """
    quick, whole = Scores(few), Scores(every)
    best = GIVEN
    found = first_changes(facts)
    for _ in range(DEEPEST):
        ranked = sorted(found, key=quick.level, reverse=True)[:LOOKED_AT]
        beam = _by_wins(ranked, whole)[:KEPT]
        better = [guess for guess in beam if _better(guess, best, whole)]
        if not better:
            break
        best = better[0]
        found = list({new: None for old in beam for new in single_changes(old, facts)})
    best = _simplified(_refined(best, whole), whole)
    difference = gain(whole(best), whole(GIVEN))
    doubts: tuple[Untold, ...] = () if best.changes else _untold(quick, whole, facts)
    return Comparison(best, whole(GIVEN), whole(best), *difference, doubts)


def _untold(quick: "Scores", whole: "Scores", facts: Facts) -> tuple[Untold, ...]:
    """Single changes that are not surely worse than the recording as it is read.

    Those that leave no views to compare, as four frames late of five, are no doubts.
    """
    every = single_changes(GIVEN, facts._replace(still=False))
    near = [g for g in every if gain(quick(g), quick(GIVEN))[1] > -SURE]
    found = [Untold(g, *gain(whole(g), whole(GIVEN))) for g in near]
    return tuple(o for o in found if o.errors > -SURE and np.isfinite(o.gain))


class Scores:
    """Agreement by hypothesis, measured once."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self.seen: dict[Hypothesis, Agreement] = {}

    def __call__(self, guess: Hypothesis) -> Agreement:
        if guess not in self.seen:
            self.seen[guess] = self.measure(guess)
        return self.seen[guess]

    def level(self, guess: Hypothesis) -> float:
        """Mean gain over the recording as it is read now."""
        return gain(self(guess), self(GIVEN))[0]


def gain(new: Agreement, old: Agreement) -> tuple[float, float]:
    """Mean difference of two scores over common pairs, and in standard errors."""
    return standard(new.score - old.score)


def standard(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Mean of the finite differences, and in standard errors."""
    difference = differences[np.isfinite(differences)]
    if len(difference) < 2:
        return -np.inf, 0.0
    mean, spread = difference.mean(), difference.std() / np.sqrt(len(difference))
    return float(mean), float(mean / (spread + SMALLEST))


def _by_wins(guesses: list[Hypothesis], scores: Scores) -> list[Hypothesis]:
    """Hypotheses by how many others each beats on the pairs that both have."""

    def wins(guess: Hypothesis) -> int:
        return sum(gain(scores(guess), scores(other))[0] > 0 for other in guesses)

    return sorted(guesses, key=wins, reverse=True)


def _better(new: Hypothesis, old: Hypothesis, scores: Scores) -> bool:
    """Whether a hypothesis beats another for certain, for all that it changes."""
    more, errors = gain(scores(new), scores(old))
    added = new.changes.keys() - old.changes.keys()
    least = max((LEAST.get(name, EACH) for name in added), default=EACH)
    return more > least and errors > SURE


def _refined(best: Hypothesis, scores: Scores) -> Hypothesis:
    """The focal lengths between those that were tried."""
    for name in {"focal", "color_focal"} & best.changes.keys():
        value = getattr(best, name)
        near = [best, *(replace(best, **{name: value * step}) for step in FINE)]
        best = max(near, key=lambda g: float(np.nanmean(scores(g).score)))
    return best


def _simplified(best: Hypothesis, scores: Scores) -> Hypothesis:
    """Without changes that, in the end, bring nothing."""
    for name in best.changes:
        simpler = best.without([name])
        if not _better(best, simpler, scores):
            return _simplified(simpler, scores)
    return best
