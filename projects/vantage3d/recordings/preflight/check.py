"""The check of a recording by its views, sequence by sequence."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from vantage3d.recordings.findings import Finding
from vantage3d.recordings.preflight.agreement import measure
from vantage3d.recordings.preflight.footage import Film, Footage, FrameReader, film_of
from vantage3d.recordings.preflight.hypotheses import GIVEN, Facts
from vantage3d.recordings.preflight.matches import KINDS, Matches, matches_of
from vantage3d.recordings.preflight.matches import measure as measure_matches
from vantage3d.recordings.preflight.reader import RecordingReader
from vantage3d.recordings.preflight.remedies import Meaning, meaning
from vantage3d.recordings.preflight.search import Comparison, compare
from vantage3d.recordings.preflight.verdict import judge
from vantage3d.recordings.recording import Recording

LOOKED_AT = 3  # sequences of a recording, evenly chosen
TRUSTED = 0.6  # of the points that are seen: more agree in a recording without faults
CENTRAL = 0.05  # share by which a principal point may be off the middle


def few(sequences: Sequence[str]) -> list[str]:
    """The sequences of a recording that are looked at."""
    last = len(sequences) - 1
    at = np.linspace(0, last, min(LOOKED_AT, last + 1)).round().astype(int)
    return [sequences[place] for place in at]


class Checked(NamedTuple):
    """What the views of a sequence say.

    Attributes:
        findings: What is wrong with it, or how well they agree.
        agreement: Share of the points that another view sees that lie on its surface;
            without depth, of matches on their lines; NaN where none were compared.
    """

    findings: list[Finding]
    agreement: float = np.nan


def check_sequence(recording: Recording, sequence: str) -> Checked:
    """What is wrong with a sequence of a recording, by what its views say."""
    reader = RecordingReader(recording, sequence)
    return check_reader(reader, sequence, meaning(recording))


def check_reader(reader: FrameReader, name: str, now: Meaning) -> Checked:
    """What is wrong with a sequence.

    Args:
        reader: Its frames.
        name: Its name.
        now: What its files are taken to mean.
    """
    film = seen_of(reader)
    if film is None:
        return Checked(uncompared(name))
    read = [reader.pose(int(at)) for at in film.places]
    poses = [pose for pose in read if pose is not None]
    if all(np.array_equal(pose, poses[0]) for pose in poses):  # they say nothing
        text = f"all {len(poses)} poses that were looked at of {name} are identical"
        return Checked([Finding("warning", text, "Check the files of poses")])
    comparison = compared(film, now)
    found = judge(name, film, comparison, now)
    return Checked(found, float(np.nanmean(comparison.given_agreement.landed)))


def seen_of(reader: FrameReader) -> Film | None:
    """Views with depth or, without, matches between images; None with neither."""
    return film_of(reader) or matches_of(reader)


def uncompared(name: str) -> list[Finding]:
    """What is said where no views can be compared."""
    text = (
        f"{name}: poses, intrinsics and depth were not compared between views: no two "
        "frames have a pose and depth, or a pose and images that match"
    )
    return [Finding("info", text)]


def compared(film: Film, now: Meaning) -> Comparison:
    """The best reading of the files beside the present one."""
    facts = facts_of(film, now)
    if isinstance(film, Footage):
        return compare(
            partial(measure, film.quick, facts), partial(measure, film, facts), facts
        )
    assert isinstance(film, Matches)
    return compare(
        partial(measure_matches, film.quick, facts),
        partial(measure_matches, film, facts),
        facts,
    )


def glance(film: Footage, name: str, now: Meaning) -> Checked:
    """The agreement of a sequence, and what is wrong where it is low.

    Args:
        film: What was read of it.
        name: Its name.
        now: What its files are taken to mean.

    Returns:
        No findings where that share is high, and higher than with other poses.
    """
    facts = facts_of(film, now)
    given = measure(film, facts, GIVEN)
    turned = measure(film, facts, replace(GIVEN, inverted=True))
    landed = float(np.nanmean(given.landed))
    if landed > TRUSTED and np.nanmean(given.score) > np.nanmean(turned.score):
        return Checked([], landed)
    return Checked(judge(name, film, compared(film, now), now), landed)


def facts_of(film: Film, now: Meaning) -> Facts:
    """Which hypotheses there are."""
    sizes = _sizes(film)
    if not isinstance(film, Footage):
        return Facts(now.axes, False, False, sizes, film.still, KINDS)
    valid = film.depth[film.depth > 0].astype(np.float64)
    stored = np.round(valid * now.depth_scale).astype(np.int64)
    eighths = (stored % 8 == 0).mean() > 0.99 and len(np.unique(stored)) > 16
    return Facts(now.axes, now.along_rays, bool(eighths), sizes, film.still)


def _sizes(film: Film) -> tuple[float, ...]:
    """Factors on intrinsics: halved, doubled, and what centres them."""
    height, width = film.grid
    x, y = film.K[0, :2, 2]
    centring = width / (2 * x + 1), height / (2 * y + 1)
    sizes = {0.5, 2.0}
    alike = abs(centring[0] / centring[1] - 1) < CENTRAL
    if alike and abs(centring[0] - 1) > CENTRAL:
        sizes.add(float(np.mean(centring)))
    return tuple(sorted(sizes))
