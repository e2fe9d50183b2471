"""A result: figures, and everything that they depend on.

result.json   all but the arrays, with a checksum as last member
units.npz     the arrays of each unit and answer, of which figures are made
table.csv     a row per answer
"""

import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.folder import Rows, boxed, cell, to_csv, write_json
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import read_sealed
from vantage3d.io.files import existing
from vantage3d.io.sidecars import file_hash
from vantage3d.referee.intervals import basis
from vantage3d.referee.protocol import Choice, Protocol
from vantage3d.referee.task import MODEL, Arrays, Figures

FILE, UNITS, TABLE = "result.json", "units.npz", "table.csv"
UNITS_HASH = "units_sha256"
AGAIN = "Evaluate again"
GIVE = (
    "Give a folder of `vantage3d evaluate`; those of evaluate_depth.py are for "
    "`vantage3d compare-depth-runs`"
)
INFINITE = "inf"


@dataclass(frozen=True)
class Source:
    """Where predictions or truth came from.

    Attributes:
        path: As it was given.
        format: Of the reader.
        files: How many were read.
        sha256: Of the list of their hashes and names, as ``sha256sum`` prints it.
    """

    path: str
    format: str
    files: int
    sha256: str


@dataclass(frozen=True)
class Result:
    """What an evaluation found.

    Attributes:
        task: Name of the task.
        protocol: Its name.
        protocol_version: Its version.
        protocol_hash: SHA-256 of its choices.
        choices: Their values.
        versions: Of Python and libraries.
        predictions: Where they came from.
        truth: Likewise.
        run: What the model's folder says of precision, device and more.
        command: What was called.
        counts: Units, clusters, and what the task counts.
        missing: Units that count as nothing found.
        headline: Keys by which answers are ranked.
        figures: By answer, the model's first, and key.
        intervals: Ends of the model's headline figures over clusters, at 95 %.
        flags: Where the model is no better than an answer that needs none.
        units: Their names.
        clusters: The independent piece of the world that each unit shows.
        arrays: By answer, of each unit.
    """

    task: str
    protocol: str
    protocol_version: int
    protocol_hash: str
    choices: dict[str, Any]
    versions: dict[str, str]
    predictions: Source
    truth: Source
    run: dict[str, Any]
    command: str
    counts: dict[str, int]
    missing: list[str]
    headline: list[str]
    figures: dict[str, Figures]
    intervals: dict[str, list[float]]
    flags: list[str]
    units: list[str]
    clusters: list[str]
    arrays: Mapping[str, Sequence[Arrays]]

    def write(self, folder: Path) -> None:
        """Write the three files; ``result.json`` last."""
        packed = self._packed()
        atomic_write_bytes(folder / UNITS, packed)
        atomic_write_bytes(folder / TABLE, to_csv(self._csv()).encode())
        own = [field.name for field in fields(self) if field.name != "arrays"]
        content = {name: getattr(self, name) for name in own}
        content |= {name: asdict(content[name]) for name in ("predictions", "truth")}
        content["choices"] = {
            name: INFINITE if value == math.inf else value  # JSON has no infinity
            for name, value in self.choices.items()
        }
        content[UNITS_HASH] = hashlib.sha256(packed).hexdigest()
        write_json(folder / FILE, content)

    def rules(self) -> Protocol:
        """The protocol, without its words."""
        choices = {name: Choice(value, "") for name, value in self.choices.items()}
        return Protocol(
            self.protocol, self.task, self.protocol_version, "", "", choices
        )

    def text(self) -> str:
        """Table and what it is of, for people."""
        lines = [
            f"{self.task} by {self.protocol}, version {self.protocol_version} "
            f"({self.protocol_hash[:12]}): {self.counted()}",
            *(
                f"{what}: {one.files} files of {one.format} in {one.path}"
                for what, one in zip(
                    ("predictions", "truth"), (self.predictions, self.truth)
                )
            ),
            boxed(self.table()),
            f"{basis(self.counts['clusters'])}: {self._ends()}",
        ]
        return "\n".join([*lines, *(f"warning: the model is {f}" for f in self.flags)])

    def counted(self) -> str:
        """What was judged, for people."""
        return ", ".join(f"{n} {what}" for what, n in self.counts.items())

    def table(self) -> Rows:
        """Headline figures, a row per answer."""
        header = ["", *(find(key).title for key in self.headline)]
        body = [
            [answer, *(cell(row[key]) or "-" for key in self.headline)]
            for answer, row in self.figures.items()
        ]
        return Rows(header, body)

    def _ends(self) -> str:
        said = [
            f"{find(key).title} {low:.4f} to {high:.4f}"
            for key, (low, high) in self.intervals.items()
            if not math.isnan(low)
        ]
        return ", ".join(said) or "no interval, one cluster says nothing of others"

    def _csv(self) -> Rows:
        keys = list(self.figures[MODEL])
        body = [
            [answer, *(row.get(key, math.nan) for key in keys)]
            for answer, row in self.figures.items()
        ]
        return Rows(["answer", *keys], body)

    def _packed(self) -> bytes:
        """``answer/number of the unit/array``, in a zip whose bytes have no date."""
        arrays = {
            f"{answer}/{number}/{name}": array
            for answer, units in self.arrays.items()
            for number, unit in enumerate(units)
            for name, array in unit.items()
        }
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        return file.getvalue()


def check_place(
    folder: Path, predictions: Path, truth: Path, protocol: Protocol
) -> None:
    """Refuse a folder with a result of something else, which would be lost.

    Raises:
        ValueError: Naming what it is of.
    """
    if not (folder / FILE).is_file():
        return
    before = read_sealed(folder / FILE, "result", "Remove it")
    of = [Path(before[what]["path"]) for what in ("predictions", "truth")]
    now = [predictions.resolve(), truth.resolve()]
    if [one.resolve() for one in of] != now or before["protocol"] != protocol.name:
        raise ValueError(
            f"{folder} holds the result of {of[0]} by {before['protocol']} on {of[1]}. "
            "Give another --out, or remove it"
        )


def read_result(folder: Path) -> Result:
    """A result that was written.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, or its files are of different evaluations.
    """
    path = existing(folder / FILE, "result", GIVE)
    content = read_sealed(path, "result", AGAIN)
    known = {field.name for field in fields(Result)} - {"arrays"} | {UNITS_HASH}
    if not isinstance(content, dict) or set(content) != known:
        raise ValueError(f"{path} is no result of this version. {AGAIN}")
    for name in ("predictions", "truth"):
        content[name] = Source(**content[name])
    content["figures"] = {
        answer: {k: math.nan if v is None else v for k, v in row.items()}
        for answer, row in content["figures"].items()
    }
    content["intervals"] = {
        key: [math.nan if v is None else v for v in ends]
        for key, ends in content["intervals"].items()
    }
    units = existing(folder / UNITS, "units of a result", AGAIN)
    if file_hash(units) != content.pop(UNITS_HASH):
        raise ValueError(f"{units} is of another evaluation than {FILE}. {AGAIN}")
    arrays = _unpacked(units, list(content["figures"]), len(content["units"]))
    content["choices"] = {
        name: math.inf if value == INFINITE else value
        for name, value in content["choices"].items()
    }
    result = Result(**content, arrays=arrays)
    if result.rules().hash != result.protocol_hash:
        raise ValueError(f"{path}: its choices are not those of its hash. {AGAIN}")
    return result


def _unpacked(path: Path, answers: list[str], count: int) -> dict[str, list[Arrays]]:
    units: dict[str, list[dict]] = {a: [{} for _ in range(count)] for a in answers}
    for key, array in load_arrays(path, "units of a result", AGAIN).items():
        answer, number, name = key.rsplit("/", 2)
        units[answer][int(number)][name] = array
    return units  # type: ignore[return-value]
