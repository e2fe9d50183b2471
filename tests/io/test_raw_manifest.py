import subprocess

import pytest

from vantage3d.io.raw_manifest import (
    NAME,
    check_own,
    check_raw,
    read_manifest,
    write_manifest,
)
from vantage3d.io.sidecars import file_hash


@pytest.fixture
def raw(tmp_path):
    """A folder of two files, and sha256sum's list of it."""
    root = tmp_path / "raw"
    (root / "a b").mkdir(parents=True)
    (root / "a b" / "ü.png").write_bytes(b"depth")
    (root / "pose.txt").write_bytes(b"1 0 0 0")
    command = f"find . -type f -exec sha256sum {{}} + > {tmp_path / 'list'}"
    subprocess.run(command, shell=True, cwd=root, check=True)
    return root, tmp_path / "list"


def test_what_sha256sum_wrote_is_compared(raw):
    root, listed = raw
    assert sorted(read_manifest(listed)) == ["a b/ü.png", "pose.txt"]
    assert check_raw(root, listed) == 2


def test_other_and_missing_files_are_named(raw):
    root, listed = raw
    (root / "pose.txt").write_bytes(b"1 0 0 1")
    (root / "a b" / "ü.png").unlink()
    message = (
        r"2 of 2 files of .*raw are not what .*list lists: a b/ü\.png cannot be read "
        r"\(No such file.*\); pose\.txt has SHA-256 [0-9a-f]{12}\.\.\., expected "
    )
    with pytest.raises(ValueError, match=message):
        check_raw(root, listed)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hello", "line 1: expected 64 hexadecimal digits, .* got 'hello'"),
        ("0" * 64 + "  ../x", r"line 1: '\.\./x' leads out of the folder"),
        ("0" * 64 + "  /etc/passwd", "line 1: '/etc/passwd' leads out"),
        ("0" * 64 + "  x\n" + "1" * 64 + "  x", "'x' has two hashes"),
        ("", "lists no file"),
    ],
)
def test_lists_that_are_none(tmp_path, line, message):
    (tmp_path / "list").write_text(line)
    with pytest.raises(ValueError, match=message):
        read_manifest(tmp_path / "list")
    with pytest.raises(FileNotFoundError, match=r"manifest .*gone is missing\. W"):
        read_manifest(tmp_path / "gone")


def test_raw_data_of_our_own_is_compared_without_asking(tmp_path):
    (tmp_path / "pose.txt").write_bytes(b"1 0 0 0")
    check_own(tmp_path)  # nothing to compare with
    write_manifest(tmp_path, {"pose.txt": file_hash(tmp_path / "pose.txt")})
    check_own(tmp_path)
    (tmp_path / "pose.txt").write_bytes(b"1 0 0 1")
    with pytest.raises(ValueError, match=rf"1 of 1 files of .*{NAME} lists: pose"):
        check_own(tmp_path)
