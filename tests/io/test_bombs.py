"""Small files that would unfold to gigabytes are refused before memory is taken."""

import gzip
import json
import pickle
import resource
import struct
import time
import zipfile
import zlib
from functools import partial

import numpy as np
import pytest
import torch

from vantage3d.converters.annotations import read_annotations
from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.engine.errors import CheckpointError
from vantage3d.io.bounds import ARRAYS, TEXT, allowed_bytes, check_unfolded
from vantage3d.io.depth_files import read_depth_file, read_hdf5, read_npy
from vantage3d.io.features import FeatureSource, read_features
from vantage3d.io.images import read_color, read_depth, read_size
from vantage3d.io.infos import load_info
from vantage3d.io.sens import SensFrame, SensHeader, open_sens, write_sens
from vantage3d.views.index import FrameIndex

PIECE, PIECES = bytes(2**24), 16  # a quarter of a gigabyte
SOURCE = FeatureSource("m", "w", (1,), (160, 120), (160, 120), 14, 4)
LONGEST_S = 1  # of processor time
LARGEST = 300  # MiB more than before, of the whole process


def deflated(piece, bits=15):
    """Many times ``piece``, packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    return b"".join(packer.compress(piece) for _ in range(PIECES)) + packer.flush()


def jgz_of_blanks(path):
    path.write_bytes(deflated(PIECE.replace(b"\0", b" "), 31))


def jgz_nested(path):
    path.write_bytes(gzip.compress(b"[" * 200_000))


def info_nested(path):
    path.write_text("[" * 200_000)


def info_with_a_long_number(path):
    path.write_text('{"data_list": [{"a": ' + "9" * 100_000 + "}]}")


def pickle_of_shared_lists(path):
    value = [0]
    for _ in range(30):
        value = [value, value]
    path.write_bytes(pickle.dumps({"metainfo": {}, "data_list": [{"a": value}]}))


def pickle_with_a_far_place(path):
    path.write_bytes(b"Nr" + struct.pack("<I", 2**31) + b".")


def pickle_of_a_long_text(path):
    path.write_bytes(b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"a.")


def sens(path, depth=b"", sizes=None):
    """A recording of one frame, with another depth image or other sizes."""
    eye = np.eye(4, dtype=np.float32)
    header = SensHeader(eye, eye, (160, 120), sizes or (8, 6), 1000.0, 1)
    write_sens(path, header, [SensFrame(eye, b"x", np.zeros((6, 8), np.uint16))])
    if depth:
        data, old = path.read_bytes(), zlib.compress(bytes(96))
        start = data[: -len(old) - 9]
        path.write_bytes(start + struct.pack("<Q", len(depth)) + b"x" + depth)


def sens_depth(path):
    sens(path, deflated(PIECE))


def sens_size(path):
    sens(path, sizes=(2**31, 2**31))


def sens_bytes(path):
    sens(path)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"x" + zlib.compress(bytes(96))) - 16
    data[at : at + 8] = struct.pack("<Q", 2**62)
    path.write_bytes(data)


def npy_header(values):
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({values},), }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def npz(path, header, count):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as store:
        store.writestr("sequences.npy", header + count * PIECE)


def npz_of_zeros(path):
    npz(path, npy_header(len(PIECE) * PIECES // 8), PIECES)


def npz_header(path):
    npz(path, npy_header(2**40), 0)


def npy_of_terabytes(path):
    path.write_bytes(npy_header(2**42))


def npy_of_gigabytes(path):
    path.write_bytes(npy_header(2**30))


def npy_of_nothing(path):
    """Any number of values without a byte."""
    path.write_bytes(npy_header(2**40).replace(b"<f8", b"|S0"))


def png(path, side, bits, kind):
    def chunk(name, data):
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", side, side, bits, kind, 0, 0, 0)
    data = zlib.compress(bytes(2**16), 9)  # its first rows
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def png_grey(path):
    png(path, 16384, 16, 0)


def png_color(path):
    png(path, 12800, 8, 2)


def hdf5_empty(path):
    """Chunks that were never written take no place in the file."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("dataset", (2**16, 2**16), "f2", chunks=(64, 64))


def pfm_header(path):
    path.write_bytes(b"Pf\n30000 30000\n-1.0\n" + bytes(64))


def exr_header(path):
    def attribute(name, kind, data):
        size = struct.pack("<i", len(data))
        return name + b"\0" + kind + b"\0" + size + data

    channels = b"Z\0" + struct.pack("<iiii", 2, 0, 1, 1) + b"\0"
    window = struct.pack("<iiii", 0, 0, 29999, 29999)
    path.write_bytes(
        b"\x76\x2f\x31\x01\x02\0\0\0"
        + attribute(b"channels", b"chlist", channels)
        + attribute(b"compression", b"compression", b"\0")
        + attribute(b"dataWindow", b"box2i", window)
        + attribute(b"displayWindow", b"box2i", window)
        + attribute(b"lineOrder", b"lineOrder", b"\0")
        + attribute(b"pixelAspectRatio", b"float", struct.pack("<f", 1))
        + attribute(b"screenWindowCenter", b"v2f", struct.pack("<ff", 0, 0))
        + attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1))
        + b"\0"
        + bytes(64)
    )


def safetensors_header(path):
    entry = {"dtype": "F16", "shape": [2**40], "data_offsets": [0, 2**41]}
    text = json.dumps({"feats": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)


def torch_archive(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as store:
        with store.open("a/data.pkl", "w", force_zip64=True) as file:
            file.write(b"\x80\x02")
            for _ in range(PIECES):
                file.write(b"N0" * 2**23)
            file.write(b"N.")
        store.writestr("a/version", "3\n")


def read_sens(path):
    open_sens(path).frame(0)


BOMBS = (
    ("jgz", read_annotations, jgz_of_blanks, jgz_nested),
    ("json", load_info, info_nested, info_with_a_long_number),
    ("pkl", load_info, pickle_of_shared_lists, pickle_with_a_far_place),
    ("pkl", load_info, pickle_of_a_long_text),
    ("sens", read_sens, sens_depth, sens_size, sens_bytes),
    ("npz", FrameIndex.load, npz_of_zeros, npz_header),
    ("npy", read_npy, npy_of_terabytes, npy_of_gigabytes, npy_of_nothing),
    ("png", read_depth, png_grey),
    ("png", read_size, png_grey),
    ("png", read_color, png_color),
    ("h5", read_hdf5, hdf5_empty),
    ("pfm", read_depth_file, pfm_header),
    ("exr", read_depth_file, exr_header),
    ("safetensors", partial(read_features, expected=SOURCE), safetensors_header),
    ("pt", partial(read_features, expected=SOURCE), torch_archive),
    ("pth", read_checkpoint, torch_archive),
)


def memory_mib():
    """Most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


@pytest.mark.parametrize(
    ("suffix", "read", "bomb"),
    [(suffix, read, bomb) for suffix, read, *bombs in BOMBS for bomb in bombs],
)
@pytest.mark.filterwarnings("ignore:Image size")
def test_a_bomb_is_refused_at_once_in_one_sentence(tmp_path, suffix, read, bomb):
    bomb(path := tmp_path / f"a.{suffix}")
    before, started = memory_mib(), time.process_time()
    with pytest.raises((ValueError, CheckpointError), match=rf"a\.{suffix}") as caught:
        read(path)
    assert time.process_time() - started < LONGEST_S
    assert memory_mib() - before < LARGEST
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bound", [ARRAYS, TEXT])
def test_the_bound_grows_with_the_file(tmp_path, bound):
    path = tmp_path / "a"
    path.write_bytes(bytes(10))
    assert allowed_bytes(path, bound) == bound.always
    check_unfolded(path, bound.always, bound)
    with pytest.raises(
        ValueError, match=rf"a \(10 bytes\) .* {bound.always + 1} bytes"
    ):
        check_unfolded(path, bound.always + 1, bound)
    with pytest.raises(ValueError, match=r"would unfold to -1 bytes"):
        check_unfolded(path, -1, bound)
    with open(path, "wb") as file:
        file.truncate(2**24)  # sparse
    assert allowed_bytes(path, bound) == bound.ratio * 2**24


def test_what_people_have_unfolds_far_less(tmp_path):
    """The worst of honest files: an empty depth map, one camera for all frames."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, depth=np.zeros((2160, 3840), np.float32))
    with np.load(path) as store:
        check_unfolded(path, store["depth"].nbytes)
    torch.save(torch.zeros(1024, 35, 46), tmp_path / "a.pt")
    check_unfolded(tmp_path / "a.pt", 4 * 1024 * 35 * 46)
