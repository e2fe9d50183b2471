import json

import pytest

from vantage3d.io import checksums
from vantage3d.io.checksums import check_crc32, crc32, seal, unseal, warn_unchecked
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
