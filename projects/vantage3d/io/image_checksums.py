"""Checksums inside images, which decoders leave aside: Pillow skips those of PNG."""

import re
import struct
import zlib

from vantage3d.io.checksums import crc32
from vantage3d.process.verification import verifying

_PNG = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">I4s")  # of a chunk: length of its data, type
_START = b"\xff\xd8"  # of a JPEG
_TAG = b"vantage3d crc32 "
_COMMENT = struct.Struct(f">2sH{len(_TAG)}s8s")  # marker, length, tag, checksum
_SIGNED = re.compile(b"vantage3d|crc32")


def check_image(data: bytes) -> None:
    """Compare a PNG's chunks, or a JPEG of ours, with their checksums.

    Raises:
        ValueError: If one differs; it says which.
    """
    if not verifying():
        return
    if data.startswith(_PNG):
        _check_png(data)
    elif data.startswith(_START) and _SIGNED.search(data, 2, 2 + _COMMENT.size):
        _check_jpeg(data)


def sign_jpeg(data: bytes) -> bytes:
    """A JPEG with the checksum of all the rest in a comment at its start."""
    length = _COMMENT.size - 2
    comment = _COMMENT.pack(b"\xff\xfe", length, _TAG, crc32(data).encode())
    return _START + comment + data[2:]


def _check_png(data: bytes) -> None:
    place = len(_PNG)
    while place < len(data):
        if len(data) < place + _HEADER.size:
            raise ValueError("it ends within a chunk")
        length, kind = _HEADER.unpack_from(data, place)
        end = place + _HEADER.size + length
        if len(data) < end + 4:
            raise ValueError("it ends within a chunk")
        written = int.from_bytes(data[end : end + 4], "big")
        if zlib.crc32(memoryview(data)[place + 4 : end]) != written:
            raise ValueError(f"the CRC-32 of its chunk {kind!r} is another")
        if kind == b"IEND":
            return
        place = end + 4
    raise ValueError("it has no end")


def _check_jpeg(data: bytes) -> None:
    rest = 2 + _COMMENT.size
    body = _START + data[rest:]
    if sign_jpeg(body)[:rest] != data[:rest]:
        raise ValueError(f"the CRC-32 at its start is not {crc32(body)}")
