"""The fuzz sees what it shall see."""

import os
import random
import re

import pytest

from tests.damage import KINDS, damaged, falls

CONTENTS = {n: bytes([n]) for n in range(4)}


def at_two(action):
    """A reader that refuses every file in words, and falls on number 2."""

    def read(path):
        if path.read_bytes() == b"\2":
            action(path)
        raise ValueError(f"{path} is damaged")

    return read


def loop(path):
    while True:
        pass


def raises(error):
    def fall(path):
        raise error

    return fall


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (raises(KeyError("x")), r"KeyError: 'x' at .*test_damage\.py"),
        (raises(ValueError("bad")), "names no file: 'bad'"),
        (raises(SystemExit(0)), "SystemExit"),
        (lambda path: os.abort(), "killed by SIGABRT"),
        (lambda path: bytearray(2**33), "MemoryError"),
        (loop, "does not end"),
    ],
)
def test_what_is_no_refusal_is_found_by_its_number(
    tmp_path, monkeypatch, action, reason
):
    monkeypatch.setattr("tests.damage.LONGEST_S", 1)
    (found,) = falls(at_two(action), tmp_path / "a.bin", CONTENTS)
    assert found.number == 2
    assert re.search(reason, found.reason)


def test_what_is_read_or_refused_is_none(tmp_path):
    assert falls(at_two(lambda path: None), tmp_path / "a.bin", CONTENTS) == []


@pytest.mark.parametrize("kind", KINDS)
def test_damage_alters_a_file(kind):
    data = b"some text, and more of it " * 20
    rng = random.Random(1)
    altered = [kind(data, rng) for _ in range(50)]
    assert sum(one != data for one in altered) > 40
    assert len({*altered}) > 25


def test_damage_follows_from_the_seed():
    data, others = b"some text" * 20, [b"other"]
    first, second = ([damaged(data, others, random.Random(s))] * 2 for s in (1, 1))
    assert first == second
