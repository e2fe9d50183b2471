"""The check of a recording by its views, sequence by sequence."""

from collections.abc import Sequence

import numpy as np

from vantage3d.recordings.findings import Finding
from vantage3d.recordings.preflight.footage import Footage, film_of
from vantage3d.recordings.preflight.hypotheses import Facts
from vantage3d.recordings.preflight.reader import RecordingReader
from vantage3d.recordings.preflight.search import compare
from vantage3d.recordings.preflight.verdict import judge, meaning
from vantage3d.recordings.recording import Recording

LOOKED_AT = 3  # sequences of a recording, evenly chosen
CENTRAL = 0.05  # share by which a principal point may be off the middle


def preflight(
    recording: Recording, sequences: Sequence[str] | None = None
) -> list[Finding]:
    """What is wrong with a recording.

    Args:
        recording: The recording, with what its owner says about the files.
        sequences: Names of sequences; a few, evenly chosen, if not given.
    """
    names = recording.sequences() if sequences is None else list(sequences)
    if sequences is None and len(names) > LOOKED_AT:
        at = np.linspace(0, len(names) - 1, LOOKED_AT).round().astype(int)
        names = [names[place] for place in at]
    return [finding for name in names for finding in check_sequence(recording, name)]


def check_sequence(recording: Recording, sequence: str) -> list[Finding]:
    """What is wrong with one sequence."""
    reader = RecordingReader(recording, sequence)
    film = film_of(reader)
    if film is None or not len(film.pairs):
        return []
    compared = compare(film, facts_of(film, recording))
    height, width = reader.depth(int(film.places[0])).depth.shape
    focal = float(film.K[0, 0, 0]) * film.every
    return judge(sequence, film, compared, meaning(recording, (width, height), focal))


def facts_of(film: Footage, recording: Recording) -> Facts:
    """Which hypotheses there are."""
    said = recording.remedies
    scale = said.depth_scale or recording.depth_scale
    stored = np.round(film.depth[film.depth > 0] * np.float64(scale)).astype(np.int64)
    eighths = (stored % 8 == 0).mean() > 0.99 and len(np.unique(stored)) > 16
    return Facts(
        said.axes or recording.axes, said.along_rays, bool(eighths), _sizes(film)
    )


def _sizes(film: Footage) -> tuple[float, ...]:
    """Factors on intrinsics: halved, doubled, and what centres them."""
    height, width = film.depth.shape[1:]
    x, y = film.K[0, :2, 2]
    centring = width / (2 * x + 1), height / (2 * y + 1)
    sizes = {0.5, 2.0}
    alike = abs(centring[0] / centring[1] - 1) < CENTRAL
    if alike and abs(centring[0] - 1) > CENTRAL:
        sizes.add(float(np.mean(centring)))
    return tuple(sorted(sizes))
