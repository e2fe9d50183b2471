"""Protocols: named rules of judging, one TOML file each in ``referee/protocols``.

A file has ``name``, ``task``, ``version``, ``title``, ``citation`` and a table for each
choice: its ``value``, which a task reads, and what it ``says`` to people. The hash is
that of name, task, version and values: rewording changes no result, and a result of
other values can never pass for one of these.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from vantage3d.checks import check_choice
from vantage3d.io.files import decoding, existing

FOLDER = Path(__file__).parent / "protocols"
HEAD = ("name", "task", "version", "title", "citation")
REMEDY = "`vantage3d evaluate --protocols` shows what one must have"
Rules = TypeVar("Rules")


class Choice(NamedTuple):
    """A value, and what it means in a sentence or two."""

    value: Any
    says: str


@dataclass(frozen=True)
class Protocol:
    """A protocol.

    Attributes:
        name: What ``--protocol`` calls it.
        task: Which task it is of.
        version: Counts up when a choice changes.
        title: What it is, in a line.
        citation: Where its rules come from.
        choices: By name.
    """

    name: str
    task: str
    version: int
    title: str
    citation: str
    choices: Mapping[str, Choice]

    @property
    def values(self) -> dict[str, Any]:
        """The value of every choice."""
        return {name: choice.value for name, choice in self.choices.items()}

    @property
    def hash(self) -> str:
        """SHA-256 of all that numbers depend on."""
        facts = [self.name, self.task, self.version, self.values]
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def rules(self, kind: type[Rules]) -> Rules:
        """The choices as the dataclass that a task reads, none missing and none unread.

        Raises:
            ValueError: Naming what is missing, what nobody reads, or a wrong value.
        """
        known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        missing = [name for name in known if name not in self.choices]
        unread = [name for name in self.choices if name not in known]
        if missing or unread:
            raise ValueError(
                f"protocol {self.name} must choose {known}: {missing or 'none'} "
                f"missing, {unread or 'none'} unknown. {REMEDY}"
            )
        try:
            return kind(**self.values)
        except ValueError as error:
            raise ValueError(f"protocol {self.name}: {error}") from error

    def text(self) -> str:
        """Everything about it, for people."""
        lines = [
            f"{self.name}, version {self.version}, of {self.task}: {self.title}",
            f"  {self.citation}",
            f"  sha256 {self.hash}",
        ]
        lines += [
            f"  {name} = {json.dumps(choice.value)}: {choice.says}"
            for name, choice in self.choices.items()
        ]
        return "\n".join(lines)


def shipped() -> dict[str, Protocol]:
    """The protocols that come with this project, by name."""
    paths = sorted(FOLDER.glob("*.toml"))
    return {path.stem: read_protocol(path) for path in paths}


def named(name: str, task: str | None = None) -> Protocol:
    """A shipped protocol by name, or the file of one's own.

    Raises:
        ValueError: If there is none of that name; the message has those of ``task``.
    """
    if Path(name).suffix == ".toml":
        return read_protocol(Path(name))
    known = shipped()
    if name not in known:
        names = [key for key, one in known.items() if task in (None, one.task)]
        hint = "One of your own is a path that ends in .toml"
        check_choice("protocol", name, names, fix=hint)
    return known[name]


def find_protocol(name: str, task: str) -> Protocol:
    """The same, of a task.

    Raises:
        ValueError: If it is of another task too.
    """
    found = named(name, task)
    if found.task != task:
        raise ValueError(
            f"protocol {found.name} is of the task {found.task!r}, got {task!r}. "
            f"Judge {found.task}, or choose another protocol"
        )
    return found


def read_protocol(path: Path) -> Protocol:
    """A protocol's file.

    Raises:
        FileNotFoundError: If it is missing.
        ValueError: If it lacks something, or says nothing about a choice.
    """
    path = existing(path, "protocol", REMEDY)
    with decoding(f"protocol {path}", "no TOML", REMEDY):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    choices = content.pop("choices", {})
    if set(content) != set(HEAD) or not choices:
        raise ValueError(
            f"protocol {path} must have {list(HEAD)} and tables `choices.NAME`, got "
            f"{[*content, *choices]}. {REMEDY}"
        )
    for name, choice in choices.items():
        if not isinstance(choice, dict) or set(choice) != set(Choice._fields):
            raise ValueError(
                f"protocol {path}: the choice `{name}` must have a `value` and what it "
                f"`says`, got {choice!r:.80}. {REMEDY}"
            )
    return Protocol(
        **content, choices={name: Choice(**one) for name, one in choices.items()}
    )
