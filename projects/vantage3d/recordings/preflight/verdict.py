"""What is said of a comparison: the mistake and the evidence."""

import numpy as np

from vantage3d.recordings.findings import Finding, Level
from vantage3d.recordings.preflight.agreement import Agreement
from vantage3d.recordings.preflight.footage import Film
from vantage3d.recordings.preflight.hypotheses import OF_COLOR
from vantage3d.recordings.preflight.remedies import (
    Meaning,
    Told,
    describe,
    not_told,
)
from vantage3d.recordings.preflight.search import SURE, Comparison, standard

# Share of the best score below which the recording as it is read is certainly wrong,
# and the gain in standard errors that this takes.
POOR, CERTAIN = 0.9, 5.0
LITTLE = 0.3  # of the points that are seen: views that agree less show nothing
FEW = 0.05  # of the points, likewise: so many must be seen
SOME = 6  # frames that it takes to be sure of an order, or of a focal length
COMPARED = 3  # frames that it takes to be sure of anything
AGREED = 0.5  # of the points: a reading that mends the files makes so many agree
FINE = {"pose_shift", "color_shift", "focal"}


def judge(name: str, film: Film, comparison: Comparison, now: Meaning) -> list[Finding]:
    """The finding of a comparison.

    Args:
        name: Name of the sequence.
        film: What was compared.
        comparison: How.
        now: What the files are taken to mean.
    """
    given, best = comparison.given_agreement, comparison.best_agreement
    where = f"{len(film.pairs)} pairs of views, {_apart(film)}"
    level = _level(film, comparison)
    if level != "info":
        told = describe(comparison.best, now, film)
        wrong = "; and ".join(text for text, _ in told)
        evidence = (
            f"as the files are read, {_told(film, given)}; mended, {_told(film, best)}"
        )
        text = f"{name}: {'perhaps ' * (level == 'warning')}{wrong}: {evidence}"
        return [Finding(level, f"{text} ({where})", _remedy(told))]
    text = f"{name}: {_told(film, given)} ({where})"
    if _mean(given.landed) < LITTLE or _mean(given.seen) < FEW:
        text = f"{text}; no other reading of the files agrees better"
        return [Finding("warning", text, "Check that the poses belong to the images")]
    if not comparison.untold:
        return [Finding("info", text)]
    least = max(comparison.untold, key=lambda one: one.gain)
    text += "; the camera hardly moved" * film.still
    changes = not_told(one.guess for one in comparison.untold)
    text += (
        f"; these views would not show {changes} (the agreement changes by "
        f"{least.gain:+.3f} at most, {abs(least.errors):.1f} standard errors)"
    )
    return [Finding("warning", text, "Make sure of it, or add views that differ more")]


def _level(film: Film, comparison: Comparison) -> Level:
    """How sure it is that the best reading is right and the present one wrong.

    Depth and colours are two witnesses. A change of depth or of poses that depth
    speaks against is not said at all. What is said is a doubt, unless the change makes
    most points agree, by far better than now, in frames enough not to fit by chance.
    A focal length of colour alone is never certain, as the scene may be far away, or
    flat; what is wrong beside it is, where depth says so.
    """
    changes = comparison.best.changes.keys()
    given, best = comparison.given_agreement, comparison.best_agreement
    against = standard(best.surface - given.surface)[1] < -SURE
    if not changes or (changes - OF_COLOR and against):
        return "info"
    before, after = given.score, best.score
    if "color_focal" in changes:
        before, after = given.surface, best.surface
    both = np.isfinite(before) & np.isfinite(after)
    certain = (
        comparison.errors > CERTAIN
        and len(film.places) >= (SOME if FINE & changes else COMPARED)
        and _mean(best.landed) > AGREED
        and _mean(before[both]) < POOR * _mean(after[both])
    )
    return "error" if certain else "warning"


def _told(film: Film, agreement: Agreement) -> str:
    return film.evidence(_mean(agreement.landed), _mean(agreement.color))


def _remedy(told: list[Told]) -> str:
    """Options in one piece, then what has none."""
    options = " ".join(remedy for _, remedy in told if remedy.startswith("--"))
    words = [remedy for _, remedy in told if not remedy.startswith("--")]
    return ". ".join([*([f"Give {options}"] if options else []), *words])


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0


def _apart(film: Film) -> str:
    """How far views of the pairs are from each other."""
    angles, moves = (values[tuple(film.pairs.T)] for values in film.motion)
    low, high = np.percentile(angles, (5, 95))
    move = float(np.median(moves))
    return f"{low:.0f} to {high:.0f} degrees and {move:.2g} m apart"
