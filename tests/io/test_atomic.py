"""A file is whole or absent, whatever happens while it is written."""

import errno
import resource
import subprocess
import sys

import pytest

from vantage3d.io.atomic import atomic_write, atomic_write_bytes, remove_temporaries


def test_content_and_missing_folders(tmp_path):
    path = tmp_path / "a" / "b.bin"
    atomic_write_bytes(path, b"abc")
    assert path.read_bytes() == b"abc"
    assert [p.name for p in path.parent.iterdir()] == ["b.bin"]


def test_full_disk_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "b.bin"
    atomic_write_bytes(path, b"old")

    def writer(file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"could not write .*b\.bin: No space left") as e:
        atomic_write(path, writer)
    assert e.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_real_limit_of_the_file_system(tmp_path):
    """A file size limit of 1000 bytes stands in for a full disk."""
    code = (
        "from vantage3d.io.atomic import atomic_write_bytes as w\n"
        f"w({str(tmp_path / 'x.bin')!r}, bytes(100_000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        capture_output=True,
        text=True,
    )
    assert "x.bin: File too large. Nothing was changed" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_other_errors_pass_and_leave_nothing(tmp_path):
    def writer(file):
        raise KeyError("inner")

    with pytest.raises(KeyError, match="inner"):
        atomic_write(tmp_path / "b.bin", writer)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "a").write_text("no folder")
    with pytest.raises(OSError, match=r"could not write .*a/b\.bin"):
        atomic_write_bytes(tmp_path / "a" / "b.bin", b"")


def test_leftovers_of_a_killed_process_go(tmp_path):
    (tmp_path / ".b.bin.123.part").write_bytes(b"half")
    (tmp_path / ".x0k2.part").mkdir()
    (tmp_path / ".x0k2.part" / "overlay.mp4").write_bytes(b"half")
    (tmp_path / "b.bin").write_bytes(b"whole")
    remove_temporaries(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["b.bin"]
