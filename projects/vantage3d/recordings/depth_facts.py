"""What the stored values of depth maps tell: bits, channels, units, codes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.images import FULL, NARROWEST
from vantage3d.recordings.findings import Finding

NEAREST, FARTHEST = 0.25, 8.0  # median depth of a sensor for rooms, metres
USUAL = 2.5  # metres
SCALES = (1.0, 100.0, 256.0, 1000.0, 5000.0, 10000.0)
PLATEAU = 0.002  # share of pixels at the largest value, from which it is a code
STEEP = 5  # times as many pixels as any other large value has
SPARSE = 0.3  # share of pixels with depth, below which it is doubted
Stored = Mapping[Path, NDArray]


class Units(NamedTuple):
    """What the reader takes the values for.

    Attributes:
        scale: Units per metre.
        missing: Value that means "no depth", beside 0; None without.
    """

    scale: float
    missing: int | None = None


def depth_facts(stored: Stored, units: Units) -> list[Finding]:
    """What is wrong, or may be, with depth maps as their files hold them.

    Args:
        stored: Some of the maps of a recording by their path, undecoded: any type, any
            number of channels.
        units: What the reader takes the values for.
    """
    path, first = next(iter(stored.items()))
    if first.ndim != 2:
        return [_channels(path, first)]
    if first.dtype == np.uint8 and units.scale > NARROWEST:
        return [_eight_bits(path, "have 8 bits", first.max(), units)]
    measured = {p: _measured(v, units) for p, v in stored.items() if v.ndim == 2}
    if not any(values.size for values in measured.values()):
        return [
            Finding(
                "error",
                f"depth maps are empty: {path} and {len(stored) - 1} others that were "
                "looked at hold no value above 0",
                "Export the depth again",
            )
        ]
    if wide := _stretched(measured):
        return [_eight_bits(path, f"hold 256 steps of {wide}", first.max(), units)]
    return [*_plateau(measured, stored, units), *_distances(measured, stored, units)]


def _measured(values: NDArray, units: Units) -> NDArray:
    """(N,) values that mean a distance."""
    with np.errstate(invalid="ignore"):
        own = np.isfinite(values) & (values > 0)
    if values.dtype.kind in "ui":
        own &= values != FULL
    if units.missing is not None:
        own &= values != units.missing
    return values[own]


def _channels(path: Path, values: NDArray) -> Finding:
    channels = values.shape[-1]
    text = f"depth image {path} has {channels} channels, expected one"
    if channels >= 3 and values.dtype == np.uint8:
        grey = (values[..., 0] == values[..., 1]).all()
        kind = "a picture of depth in grey" if grey else "depth painted in colours"
        text += f": it is {kind}, whose distances are lost"
    return Finding("error", text, "Export the depth as 16-bit images of one channel")


def _eight_bits(path: Path, what: str, largest: float, units: Units) -> Finding:
    return Finding(
        "error",
        f"depth images {what}: {path} ends at {largest:g}, which is "
        f"{largest / units.scale:.3g} m at {units.scale:g} units per metre. The depth "
        "was lost when it was saved as a picture",
        "Export it with 16 bits, in millimetres",
    )


def _stretched(measured: Stored) -> int:
    """Step of 16-bit values that were 8 bits once; 0 where they were not."""
    values = np.concatenate([v.ravel() for v in measured.values()])
    if values.dtype.kind not in "ui" or values.max() <= NARROWEST:
        return 0
    unique = np.unique(values)
    for step in (256, 257):
        if len(unique) > 1 and (unique % step == 0).all():
            return step
    return 0


def _plateau(measured: Stored, stored: Stored, units: Units) -> list[Finding]:
    """A largest value that many pixels share, in most of the maps."""
    found: Counter[float] = Counter()
    for path, values in measured.items():
        unique, counts = np.unique(values, return_counts=True)
        if len(unique) < 2:  # nothing, or one wall
            continue
        top, others = unique[-1], counts[:-1][unique[:-1] > 0.8 * unique[-1]]
        steep = counts[-1] > STEEP * max(others, default=1)
        if steep and counts[-1] > PLATEAU * stored[path].size:
            found[float(top)] += 1
    if not found:
        return []
    (value, count), *_ = found.most_common(1)
    share = np.mean([(values == value).mean() for values in stored.values()])
    clear = count > 1 and 2 * count > len(stored)
    return [
        Finding(
            "error" if clear else "warning",
            f"{share:.0%} of the depth pixels have the largest value {value:g}, in "
            f"{count} of {len(stored)} maps looked at: it means that there is no depth "
            f"and is read as {value / units.scale:.4g} m",
            f"--missing {value:g}",
        )
    ]


def _distances(measured: Stored, stored: Stored, units: Units) -> list[Finding]:
    """Share and median of what was measured, in plain words."""
    values = np.concatenate([v.ravel() for v in measured.values()])
    pixels = sum(array.size for array in stored.values())
    share, median = values.size / pixels, float(np.median(values)) / units.scale
    low = share < SPARSE
    found = [
        Finding(
            "warning" if low else "info",
            f"{share:.0%} of the pixels have depth"
            + f", expected {SPARSE:.0%} or more" * low,
            "Look at the depth maps: most pixels are missing" * low,
        )
    ]
    if NEAREST <= median <= FARTHEST:
        return [*found, Finding("info", f"the median depth is {median:.2f} m")]
    scale = likely_scale(float(np.median(values)))
    kind = "floating-point values" if values.dtype.kind == "f" else "values"
    text = (
        f"the median depth is {median:.3g} m, expected {NEAREST} to {FARTHEST:g} m in "
        f"a room: {kind} with a median of {np.median(values):g} are taken as "
        f"{units.scale:g} per metre"
    )
    # Metres as floating-point values are certain where they would be millimetres.
    clear = values.dtype.kind == "f" and scale == 1 and units.scale >= 100
    return [
        *found,
        Finding(
            "error" if clear else "warning",
            text,
            f"--depth-scale {scale:g} makes it "
            f"{float(np.median(values)) / scale:.2f} m",
        ),
    ]


def likely_scale(median: float, scales: Sequence[float] = SCALES) -> float:
    """Units per metre, of those in use, that bring a median nearest to 2.5 m."""
    return min(scales, key=lambda scale: abs(np.log(median / scale / USUAL)))
