import json
import os
import time

import pytest

from vantage3d.io import checksums
from vantage3d.io.checksums import (
    Compared,
    check_crc32,
    crc32,
    seal,
    unseal,
    warn_unchecked,
)
from vantage3d.process.verification import NO_VERIFY

CONTENT = {"pose": [[1.0, 2.5], [3.0, -4.0]], "name": "küche"}


@pytest.fixture
def warned(monkeypatch):
    said = []
    monkeypatch.setattr(checksums, "print_log", lambda text, **_: said.append(text))
    warn_unchecked.cache_clear()
    return said


def test_crc32_is_the_one_of_the_standard():
    """The check value of CRC-32/ISO-HDLC."""
    assert crc32(b"123456789") == "cbf43926"
    with pytest.raises(ValueError, match=r"a\.bin is damaged.* 352441c2, expected cbf"):
        check_crc32(b"abc", "cbf43926", "a.bin", "Make it again")


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("content", [CONTENT, {}])
def test_sealed_json_is_json_and_reads_back(indent, content, warned):
    data = seal(json.dumps(content, indent=indent))
    assert {*json.loads(data)} == {*content, "crc32"}
    assert unseal(data, "a.json", "", sealed=True) == content
    assert not warned


def test_every_flipped_bit_is_seen(warned):
    data = seal(json.dumps(CONTENT))
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = unseal(bytes(flipped), f"bit {bit}", "")
        except ValueError:
            continue
        # The last character is white space; a flipped name of the key is told.
        assert found == CONTENT or warned[-1].startswith(f"bit {bit} has no checksum")


def test_edited_by_hand(warned):
    data = seal(json.dumps(CONTENT)).replace(b"2.5", b"2.6")
    message = r"a\.json is damaged, or was changed .* delete the last member, 'crc32'"
    with pytest.raises(ValueError, match=message):
        unseal(data, "a.json", "Make it again")
    edited = data[: data.index(b', "crc32"')] + b"}"
    assert unseal(edited, "a.json", "")["pose"][0] == [1.0, 2.6]
    assert warned == ["a.json has no checksum: damage in it would not be seen"]
    with pytest.raises(ValueError, match=r"a\.json has no checksum at its end"):
        unseal(edited, "a.json", "", sealed=True)


def test_no_verify(warned, monkeypatch):
    monkeypatch.setenv(NO_VERIFY, "1")
    data = seal(json.dumps(CONTENT)).replace(b"2.5", b"2.6")
    assert unseal(data, "a.json", "")["pose"][0] == [1.0, 2.6]
    unseal(b"{}", "b.json", "")
    assert not warned


@pytest.fixture
def compared(monkeypatch):
    """Reads a file as a training does, and counts the comparisons."""
    calls = []
    plain = checksums.crc32
    monkeypatch.setattr(checksums, "crc32", lambda data: calls.append(1) or plain(data))
    monkeypatch.setattr(Compared, "SETTLED_NS", 0)
    known = Compared()

    def read(path, written):
        stat = path.stat()
        known.check(path.read_bytes(), written, path, stat, "Make it again")
        return len(calls)

    return read


def test_a_file_is_compared_once_until_it_changes(compared, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"123456789")
    assert [compared(path, "cbf43926") for _ in range(3)] == [1, 1, 1]
    with pytest.raises(ValueError, match=r"a\.bin is damaged.* expected 00000000"):
        compared(path, "00000000")
    path.write_bytes(b"123456788")
    os.utime(path, (1, 1))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"a\.bin is damaged.* expected cbf43926"):
            compared(path, "cbf43926")


def test_a_change_is_seen_behind_a_date_that_was_put_back(compared, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"123456789")
    stat = path.stat()
    compared(path, "cbf43926")
    time.sleep(0.05)  # several steps of the file system's clock
    path.write_bytes(b"123456788")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(ValueError, match=r"a\.bin is damaged"):
        compared(path, "cbf43926")


def test_a_file_that_has_just_been_written_is_compared_again(
    compared, tmp_path, monkeypatch
):
    monkeypatch.setattr(Compared, "SETTLED_NS", 10**12)
    path = tmp_path / "a.bin"
    path.write_bytes(b"123456789")
    assert [compared(path, "cbf43926") for _ in range(3)] == [1, 2, 3]
