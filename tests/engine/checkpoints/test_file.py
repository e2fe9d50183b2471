"""Files that are whole, hashed, and read without executing code."""

import errno
import os
import pickle
import subprocess

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MMLogger
from safetensors.torch import save_file

from vantage3d.engine.checkpoints.file import (
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
    write_pointer,
)
from vantage3d.engine.errors import CheckpointError
from vantage3d.io import checksums, sidecars
from vantage3d.io.sidecars import sidecar
from vantage3d.process.verification import NO_VERIFY


def content(value: float = 1.0) -> dict:
    return {"meta": {}, "state_dict": {"weight": torch.full((1000,), value)}}


def matches(path):
    return sidecars.check_hash(path, str(path), "")


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "a.pth"
    write_checkpoint(content(3.0), path)
    assert torch.equal(
        read_checkpoint(path)["state_dict"]["weight"], torch.full((1000,), 3.0)
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pth", "a.pth.sha256"]


def test_hash_is_readable_by_sha256sum(tmp_path):
    write_checkpoint(content(), tmp_path / "a.pth")
    done = subprocess.run(
        ["sha256sum", "-c", "a.pth.sha256"], cwd=tmp_path, capture_output=True
    )
    assert done.stdout == b"a.pth: OK\n"


def test_replacing_verifies_at_every_step(tmp_path, monkeypatch):
    """Before each rename the file on disk matches one of the hashes on disk."""
    path = tmp_path / "a.pth"
    write_checkpoint(content(1.0), path)
    seen = []
    replace = os.replace

    def spy(source, target):
        seen.append(matches(path))
        replace(source, target)
        seen.append(matches(path))

    monkeypatch.setattr(os, "replace", spy)
    write_checkpoint(content(2.0), path)
    assert seen == [True] * 6
    assert len(sidecar(path).read_text().splitlines()) == 1


def full_disk(after: int):
    """A write method that has room for ``after`` bytes."""
    room = after

    def write(self, data):
        nonlocal room
        room -= len(data)
        if room < 0:
            self._error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        else:
            self._file.write(data)
        return len(data)

    return write


@pytest.mark.parametrize("room", [0, 100, 3000])
def test_full_disk_keeps_the_old_checkpoint(tmp_path, monkeypatch, room):
    path = tmp_path / "a.pth"
    write_checkpoint(content(1.0), path)
    before = path.read_bytes(), sidecar(path).read_text()
    monkeypatch.setattr(sidecars.HashingFile, "write", full_disk(room))
    with pytest.raises(
        CheckpointError, match=r"a\.pth could not be written: .*No space"
    ):
        write_checkpoint(content(2.0), path)
    assert (path.read_bytes(), sidecar(path).read_text()) == before
    assert len(list(tmp_path.iterdir())) == 2


def test_full_disk_for_real(tmp_path):
    """On a file system of 64 KiB."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)],
        capture_output=True,
    )
    if made.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {made.stderr.decode().strip()}")
    try:
        write_checkpoint(content(), mount / "a.pth")
        big = {"meta": {}, "state_dict": {"weight": torch.zeros(100_000)}}
        with pytest.raises(CheckpointError, match=r"b\.pth could not be written: .*No"):
            write_checkpoint(big, mount / "b.pth")
        with pytest.raises(CheckpointError, match=r"a\.pth could not be written"):
            write_checkpoint(big, mount / "a.pth")
        assert matches(mount / "a.pth")
        names = sorted(p.name for p in mount.iterdir())
        assert names == ["a.pth", "a.pth.sha256"]
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_missing_file_names_its_neighbours(tmp_path):
    write_checkpoint(content(), tmp_path / "epoch_3.pth")
    with pytest.raises(CheckpointError, match=r"epoch_9\.pth does not exist.*epoch_3"):
        read_checkpoint(tmp_path / "epoch_9.pth")
    with pytest.raises(CheckpointError, match=r"there is no folder .*nowhere"):
        read_checkpoint(tmp_path / "nowhere" / "a.pth")


@pytest.mark.parametrize("keep", [0, 1, 500])
def test_truncated_file_with_its_hash(tmp_path, keep):
    path = tmp_path / "a.pth"
    write_checkpoint(content(), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"a\.pth is damaged: its SHA-256 is"):
        read_checkpoint(path)


@pytest.mark.parametrize("keep", [0, 1, 500])
def test_truncated_file_without_a_hash(tmp_path, keep):
    path = tmp_path / "a.pth"
    torch.save(content(), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        CheckpointError, match=rf"a\.pth \({keep} bytes\) is damaged.*fetch"
    ):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"<html>404</html>", b"\x80\x02garbage", b"PK"])
def test_damage_is_not_explained_with_advice_to_execute_code(tmp_path, content):
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pth .* is damaged") as raised:
        read_checkpoint(path)
    assert "weights_only" not in str(raised.value)


def test_empty_hash_is_no_hash_that_fits(tmp_path):
    path = tmp_path / "a.pth"
    write_checkpoint(content(), path)
    sidecar(path).write_text("")
    with pytest.raises(CheckpointError, match="is damaged"):
        read_checkpoint(path)


@pytest.fixture
def warned(monkeypatch):
    """What is said about files without a hash."""
    said = []
    monkeypatch.setattr(checksums, "print_log", lambda text, **_: said.append(text))
    return said


def flipped(path, byte):
    data = bytearray(path.read_bytes())
    data[byte] ^= 64
    path.write_bytes(data)


def test_without_its_hash_the_checksums_inside_are_compared(tmp_path, warned):
    path = tmp_path / "a.pth"
    write_checkpoint(content(), path)
    read_checkpoint(path)
    assert not warned
    sidecar(path).unlink()
    read_checkpoint(path)
    assert warned == [
        f"checkpoint {path} has no a.pth.sha256 beside it: only the checksums inside "
        "were compared"
    ]
    values = path.read_bytes().find(b"\x00\x00\x80\x3f" * 8)
    flipped(path, values + 3)
    with pytest.raises(CheckpointError, match=r"the CRC-32 of archive/data/0 is an"):
        read_checkpoint(path)


def test_nothing_can_be_compared_in_safetensors(tmp_path, warned):
    path = tmp_path / "a.safetensors"
    save_file({"weight": torch.ones(2)}, path)
    read_checkpoint(path)
    assert warned == [
        f"checkpoint {path} has no a.safetensors.sha256 beside it: damage in it would "
        "not be seen"
    ]


def test_no_verify_reads_on(tmp_path, warned, monkeypatch):
    path = tmp_path / "a.pth"
    write_checkpoint(content(), path)
    flipped(path, path.read_bytes().find(b"\x00\x00\x80\x3f" * 8) + 3)
    monkeypatch.setenv(NO_VERIFY, "1")
    assert read_checkpoint(path)["state_dict"]["weight"][0] != 1
    assert not warned


class Malicious:
    def __reduce__(self):
        return os.system, ("touch /tmp/never",)


def test_code_is_refused(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"state_dict": {}, "meta": Malicious()}, path)
    with pytest.raises(CheckpointError, match=r"wants to use `posix\.system`.*refused"):
        read_checkpoint(path)


def test_getattr_reaches_nothing(tmp_path):
    class Attribute:
        def __reduce__(self):
            return getattr, (np.ndarray, "tofile")

    path = tmp_path / "a.pth"
    torch.save({"state_dict": {}, "meta": Attribute()}, path)
    with pytest.raises(CheckpointError, match=r"wants to use `builtins\.getattr`"):
        read_checkpoint(path)


def test_mmengine_checkpoint_is_read(tmp_path):
    path = tmp_path / "a.pth"
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    legacy = {
        "meta": {"palette": np.eye(3), "score": np.float64(0.5), "epoch": 3},
        "message_hub": {"log_scalars": {"loss": history}},
        "state_dict": {"weight": torch.ones(2)},
    }
    torch.save(legacy, path)
    read = read_checkpoint(path)
    assert read["meta"]["epoch"] == 3
    assert read["meta"]["score"] == 0.5
    assert torch.equal(read["state_dict"]["weight"], torch.ones(2))


def test_safetensors_and_bare_state_dicts(tmp_path):
    save_file({"weight": torch.ones(2)}, tmp_path / "a.safetensors")
    torch.save({"weight": torch.ones(2)}, tmp_path / "b.pth")
    for name in ("a.safetensors", "b.pth"):
        read = read_checkpoint(tmp_path / name)
        assert torch.equal(read["state_dict"]["weight"], torch.ones(2))


def test_damaged_safetensors(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"\x08" + b"\x00" * 20)
    with pytest.raises(
        CheckpointError, match=r"a\.safetensors \(21 bytes\) is damaged"
    ):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("saved", "found"), [({"model": {}, "step": 3}, r"\['model', 'step'\]"), (7, "int")]
)
def test_no_state_dict(tmp_path, saved, found):
    torch.save(saved, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=f"holds no state dict.*{found}"):
        read_checkpoint(tmp_path / "a.pth")


def resumable(saved_ns: int) -> dict:
    return {"meta": {"saved_ns": saved_ns}, "state_dict": {}, "progress": {}}


def test_newest_is_the_last_saved_whatever_its_name_or_date(tmp_path):
    for name, saved_ns in (("epoch_9.pth", 1), ("epoch_2.pth", 3), ("iter_5.pth", 2)):
        write_checkpoint(resumable(saved_ns), tmp_path / name)
    write_checkpoint(content(), tmp_path / "best.pth")
    os.utime(tmp_path / "epoch_9.pth")
    write_pointer(tmp_path, tmp_path / "epoch_9.pth")
    path, checkpoint = newest_checkpoint(tmp_path)
    assert path.name == "epoch_2.pth"
    assert checkpoint["meta"]["saved_ns"] == 3


def test_damaged_ones_are_skipped_aloud(tmp_path, monkeypatch):
    said = []
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, "warning", said.append)
    for number in range(3):
        write_checkpoint(resumable(number), tmp_path / f"epoch_{number}.pth")
    damaged = bytearray((tmp_path / "epoch_2.pth").read_bytes())
    damaged[-200] ^= 255
    (tmp_path / "epoch_2.pth").write_bytes(damaged)
    (tmp_path / "epoch_1.pth").write_bytes(b"")
    assert newest_checkpoint(tmp_path)[0].name == "epoch_0.pth"
    assert ["epoch_1" in said[0], "epoch_2" in said[1]] == [True, True] or [
        "epoch_2" in said[0],
        "epoch_1" in said[1],
    ] == [True, True]
    (tmp_path / "epoch_0.pth").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* is intact"):
        newest_checkpoint(tmp_path)


def test_an_empty_folder_has_no_newest(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "nowhere") is None


def test_pickle_module_is_not_what_reads(tmp_path, monkeypatch):
    """Nothing falls back to the unrestricted unpickler."""
    monkeypatch.setattr(pickle, "load", None)
    monkeypatch.setattr(pickle, "loads", None)
    write_checkpoint(content(), tmp_path / "a.pth")
    read_checkpoint(tmp_path / "a.pth")
