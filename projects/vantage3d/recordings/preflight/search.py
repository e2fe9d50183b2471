"""Which hypothesis explains the views best, and by how much."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from vantage3d.recordings.preflight.agreement import Agreement, measure
from vantage3d.recordings.preflight.footage import Footage
from vantage3d.recordings.preflight.hypotheses import (
    GIVEN,
    Facts,
    Hypothesis,
    first_changes,
    single_changes,
)

KEPT = 4  # hypotheses that are changed further
QUICK = 16  # pairs by which hypotheses are sorted first
DEEPEST = 3  # things that may be wrong at a time
EACH = 0.01  # of the score, that a further change must bring
LEAST = {"color_focal": 0.05, "color_shift": 0.02}  # of the score, for these
SURE = 3.0  # standard errors, likewise
FINE = (0.96, 0.98, 1.02, 1.04)  # steps of a focal length around the best one


class Comparison(NamedTuple):
    """The best hypothesis beside the recording as it is read now.

    Attributes:
        best: The hypothesis.
        given_agreement: Of the recording as it is read now.
        best_agreement: Of the hypothesis.
        gain: Mean difference of the scores over pairs that both have.
        errors: The same in standard errors.
    """

    best: Hypothesis
    given_agreement: Agreement
    best_agreement: Agreement
    gain: float
    errors: float


def compare(film: Footage, facts: Facts) -> Comparison:
    """Try hypotheses, singly and together, and return the best.

    Further changes are tried on the best few only. One more change must raise the score
    by ``EACH`` and by ``SURE`` standard errors.
    """
    quick, whole = Scores(replace(film, most=QUICK), facts), Scores(film, facts)
    best = GIVEN
    found = first_changes(facts)
    for _ in range(DEEPEST):
        ranked = sorted(found, key=quick.level, reverse=True)[: 2 * KEPT]
        beam = _by_wins(ranked, whole)[:KEPT]
        if not _better(beam[0], best, whole):
            break
        best = beam[0]
        found = list({new: None for old in beam for new in single_changes(old, facts)})
    best = _simplified(_refined(best, whole), whole)
    difference = gain(whole(best), whole(GIVEN))
    return Comparison(best, whole(GIVEN), whole(best), *difference)


class Scores:
    """Agreement by hypothesis, measured once."""

    def __init__(self, film: Footage, facts: Facts) -> None:
        self.film, self.facts = film, facts
        self.seen: dict[Hypothesis, Agreement] = {}

    def __call__(self, guess: Hypothesis) -> Agreement:
        if guess not in self.seen:
            self.seen[guess] = measure(self.film, self.facts, guess)
        return self.seen[guess]

    def level(self, guess: Hypothesis) -> float:
        """Mean gain over the recording as it is read now."""
        return gain(self(guess), self(GIVEN))[0]


def gain(new: Agreement, old: Agreement) -> tuple[float, float]:
    """Mean difference of two scores over common pairs, and in standard errors."""
    difference = new.score - old.score
    difference = difference[np.isfinite(difference)]
    if len(difference) < 2:
        return -np.inf, 0.0
    mean, spread = difference.mean(), difference.std() / np.sqrt(len(difference))
    return float(mean), float(mean / (spread + 1e-3))


def _by_wins(guesses: list[Hypothesis], scores: Scores) -> list[Hypothesis]:
    """Hypotheses by how many others each beats on the pairs that both have."""

    def wins(guess: Hypothesis) -> int:
        return sum(gain(scores(guess), scores(other))[0] > 0 for other in guesses)

    return sorted(guesses, key=wins, reverse=True)


def _better(new: Hypothesis, old: Hypothesis, scores: Scores) -> bool:
    """Whether a hypothesis beats another for certain, for all that it changes."""
    more, errors = gain(scores(new), scores(old))
    added = new.changes.keys() - old.changes.keys()
    return more > max((LEAST.get(name, EACH) for name in added), default=EACH) and (
        errors > SURE
    )


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
        simpler = replace(best, **{name: getattr(GIVEN, name)})
        if not _better(best, simpler, scores):
            return _simplified(simpler, scores)
    return best
