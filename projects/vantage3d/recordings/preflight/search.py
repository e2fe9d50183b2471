"""Which hypothesis explains the views best, and by how much."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from vantage3d.recordings.preflight.agreement import Agreement, measure
from vantage3d.recordings.preflight.footage import Footage
from vantage3d.recordings.preflight.hypotheses import (
    GIVEN,
    Facts,
    Hypothesis,
    single_changes,
)

KEPT = 4  # hypotheses that are changed further
DEEPEST = 3  # things that may be wrong at a time
EACH = 0.01  # of the score, that a further change must bring
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
        tried: Number of hypotheses.
    """

    best: Hypothesis
    given_agreement: Agreement
    best_agreement: Agreement
    gain: float
    errors: float
    tried: int


def compare(film: Footage, facts: Facts) -> Comparison:
    """Try hypotheses, singly and together, and return the best.

    Further changes are tried on the best few only. One more change must raise the score
    by ``EACH`` and by ``SURE`` standard errors.
    """
    seen: dict[Hypothesis, Agreement] = {}

    def agreement(guess: Hypothesis) -> Agreement:
        if guess not in seen:
            seen[guess] = measure(film, facts, guess)
        return seen[guess]

    best = GIVEN
    beam = [GIVEN]
    for _ in range(DEEPEST):
        found = {new: None for old in beam for new in single_changes(old, facts)}
        ranked = sorted(found, key=lambda g: -_level(agreement(g), agreement(GIVEN)))
        beam = ranked[:KEPT]
        winner = max(beam, key=lambda g: gain(agreement(g), agreement(best))[0])
        if not _better(agreement(winner), agreement(best)):
            break
        best = winner
    best = _refined(best, agreement)
    best = _simplified(best, agreement)
    difference = gain(agreement(best), agreement(GIVEN))
    return Comparison(best, agreement(GIVEN), agreement(best), *difference, len(seen))


def gain(new: Agreement, old: Agreement) -> tuple[float, float]:
    """Mean difference of two scores over common pairs, and in standard errors."""
    difference = new.score - old.score
    difference = difference[np.isfinite(difference)]
    if len(difference) < 2:
        return -np.inf, 0.0
    mean, spread = difference.mean(), difference.std() / np.sqrt(len(difference))
    return float(mean), float(mean / (spread + 1e-3))


def _level(new: Agreement, old: Agreement) -> float:
    return gain(new, old)[0]


def _better(new: Agreement, old: Agreement) -> bool:
    more, errors = gain(new, old)
    return more > EACH and errors > SURE


def _refined(
    best: Hypothesis, agreement: Callable[[Hypothesis], Agreement]
) -> Hypothesis:
    """The focal lengths between those that were tried."""
    for name in {"focal", "color_focal"} & best.changes.keys():
        value = getattr(best, name)
        near = [best, *(replace(best, **{name: value * step}) for step in FINE)]
        best = max(near, key=lambda g: float(np.nanmean(agreement(g).score)))
    return best


def _simplified(
    best: Hypothesis, agreement: Callable[[Hypothesis], Agreement]
) -> Hypothesis:
    """Without changes that, in the end, bring nothing."""
    for name in best.changes:
        default = getattr(GIVEN, name)
        simpler = replace(best, **{name: default})
        if not _better(agreement(best), agreement(simpler)):
            return _simplified(simpler, agreement)
    return best
