"""Flipped bits and truncations of everything that is written: nothing passes silently.

Silent is a reader that returns other data than were written, without error or warning.
"""

import logging
import random
from collections import Counter

import pytest
from mmengine.logging import MMLogger

from tests.integration.written import kinds, same
from vantage3d.engine.errors import EngineError
from vantage3d.io.checksums import warn_unchecked
from vantage3d.process.verification import NO_VERIFY

FLIPS, SHARES = 300, (0.0, 0.3, 0.9, 0.999)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return dict(kinds(tmp_path_factory.mktemp("written")))


class Warned(logging.Handler):
    """Counts what is said."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record):
        self.count += 1


@pytest.fixture
def outcome():
    """What a reader does with damaged files: ``same``, ``refused``, ``told``, ..."""
    logger, warned = MMLogger.get_current_instance(), Warned()
    logger.addHandler(warned)

    def read(kind, expected):
        warn_unchecked.cache_clear()
        before = warned.count
        try:
            found = kind.read()
        except (ValueError, OSError, EngineError):
            return "refused"
        if same(expected, found):
            return "same"
        return "told" if warned.count > before else "SILENT"

    yield read
    logger.removeHandler(warned)


def damaged(written, outcome, damages):
    """Outcomes of ``(kind, file, function of its bytes)``, with the silent ones."""
    outcomes, silent = Counter(), []
    expected = {name: kind.read() for name, kind in written.items()}
    for name, path, damage in damages:
        whole = path.read_bytes()
        path.write_bytes(damage(whole))
        found = outcome(written[name], expected[name])
        path.write_bytes(whole)
        outcomes[found] += 1
        if found == "SILENT":
            silent.append(f"{name}: {path.name}")
    return outcomes, silent


def flips(written, number):
    """Random bits of random files, each kind as often as the others."""
    rng = random.Random(14)
    names = list(written)
    for count in range(number):
        name = names[count % len(names)]
        path = rng.choice(written[name].files)
        bit = rng.randrange(8 * path.stat().st_size)

        def flip(whole, bit=bit):
            data = bytearray(whole)
            data[bit // 8] ^= 1 << bit % 8
            return bytes(data)

        yield name, path, flip


def test_whole_files_are_read_without_a_word(written, outcome):
    for name, kind in written.items():
        assert outcome(kind, kind.read()) == "same", name


def test_no_flipped_bit_is_silent(written, outcome):
    outcomes, silent = damaged(written, outcome, flips(written, FLIPS))
    assert not silent
    assert sum(outcomes.values()) == FLIPS
    assert outcomes["refused"] + outcomes["told"] > 0.85 * FLIPS


def test_no_truncation_is_silent(written, outcome):
    cuts = [
        (name, path, lambda whole, share=share: whole[: int(share * len(whole))])
        for name, kind in written.items()
        for path in kind.files
        for share in SHARES
    ]
    assert not damaged(written, outcome, cuts)[1]


def test_without_verification_flips_pass(written, outcome, monkeypatch):
    """So the test above can fail: the same flips, unseen."""
    monkeypatch.setenv(NO_VERIFY, "1")
    _, silent = damaged(written, outcome, flips(written, FLIPS))
    assert len(silent) > FLIPS / 5
