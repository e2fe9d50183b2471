"""One run per folder: who holds it, who is dead, who belongs together."""

import errno
import fcntl
import json
import multiprocessing
import os
import signal
import time

import pytest

from vantage3d.process import lock
from vantage3d.process.lock import LOCK, FolderInUseError, locked

_CONTEXT = multiprocessing.get_context("fork")


def hold(folder, *share):
    """A process that holds the lock until it is killed."""
    ready = _CONTEXT.Event()

    def work():
        with locked(folder, "--out-dir", *share):
            ready.set()
            time.sleep(60)

    process = _CONTEXT.Process(target=work)
    process.start()
    assert ready.wait(10)
    return process


@pytest.fixture
def holder(tmp_path):
    process = hold(tmp_path / "out")
    yield process
    process.kill()
    process.join()


def refused(folder, *share):
    with pytest.raises(FolderInUseError) as caught, locked(folder, "--out-dir", *share):
        pass
    return str(caught.value)


def test_a_second_run_is_refused_by_name(holder, tmp_path):
    folder = tmp_path / "out"
    told = json.loads((folder / LOCK).read_text())
    assert told["pid"] == holder.pid and told["host"] and told["command"]
    text = refused(folder)
    start = f"{folder} is in use by process {holder.pid} on {told['host']} since "
    assert text.startswith(f"{start}{told['since']} ({told['command']})")
    assert text.endswith("Wait for it, stop it, or choose another --out-dir")
    assert json.loads((folder / LOCK).read_text()) == told


def test_the_lock_of_a_killed_run_is_taken_over(holder, tmp_path):
    holder.kill()
    holder.join()
    folder = tmp_path / "out"
    assert (folder / LOCK).is_file()
    with locked(folder, "--out-dir"):
        assert json.loads((folder / LOCK).read_text())["pid"] == os.getpid()
    assert not list(folder.iterdir())


def test_nothing_is_left_behind(tmp_path):
    with locked(tmp_path / "new" / "out", "--out"):
        assert (tmp_path / "new" / "out").is_dir()
    assert not (tmp_path / "new").exists()
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "--out"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_worker_that_outlives_its_run_holds_nothing(tmp_path):
    """As a data loader's does for a moment."""
    worker = _CONTEXT.Value("i", 0)

    def work():
        with locked(tmp_path, "--out-dir"):
            child = os.fork()
            if not child:
                time.sleep(30)
                os._exit(0)
            worker.value = child
            os.kill(os.getpid(), signal.SIGKILL)

    process = _CONTEXT.Process(target=work)
    process.start()
    process.join()
    os.kill(worker.value, 0)  # still there
    with locked(tmp_path, "--out-dir"):
        pass
    os.kill(worker.value, signal.SIGKILL)


def test_shards_of_one_number_are_one_run(tmp_path):
    process = hold(tmp_path, 0, 2)
    try:
        with locked(tmp_path, "--out-dir", 1, 2):
            assert len(list(tmp_path.glob(f"{LOCK}*"))) == 2
        for share in ((0, 2), (1, 3), (0, 1)):
            assert f"process {process.pid} on" in refused(tmp_path, *share)
        assert [path.name for path in tmp_path.iterdir()] == [f"{LOCK}-0-of-2"]
    finally:
        process.kill()
        process.join()
    with locked(tmp_path, "--out-dir"):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_a_run_of_another_machine_counts_while_it_gives_signs_of_life(
    tmp_path, monkeypatch
):
    """Its lock is not seen here: the file system keeps locks to each machine."""
    monkeypatch.setattr(lock, "BEAT_S", 0.2)
    other = {"pid": 7, "host": "node9", "since": "today", "command": "x", "boot": "y"}
    path = tmp_path / LOCK
    path.write_text(json.dumps(other))
    process = _CONTEXT.Process(target=beat, args=(path,))
    process.start()
    try:
        assert "process 7 on node9 since today (x)" in refused(tmp_path)
    finally:
        process.kill()
        process.join()
    with locked(tmp_path, "--out-dir"):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def beat(path):
    while True:
        os.utime(path)
        time.sleep(0.05)


def test_a_holder_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT_S", 0.01)
    with locked(tmp_path, "--out-dir"):
        os.utime(tmp_path / LOCK, (0, 0))
        deadline = time.monotonic() + 5
        while (tmp_path / LOCK).stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / LOCK).stat().st_mtime > 0


def test_without_locks_of_the_file_system_signs_of_life_decide(tmp_path, monkeypatch):
    def no_locks(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    monkeypatch.setattr(lock, "BEAT_S", 0.05)
    process = hold(tmp_path)
    assert f"process {process.pid} on" in refused(tmp_path)
    process.kill()
    process.join()
    with locked(tmp_path, "--out-dir"):
        pass


def test_a_damaged_lock_file_of_nobody_is_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT_S", 0.01)
    (tmp_path / LOCK).write_text('{"pid": 1')
    with locked(tmp_path, "--out-dir"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    folder, message = tmp_path / "file" / "out", r"could not write .*/\.lock.*r --out"
    with pytest.raises(OSError, match=message), locked(folder, "--out"):
        pass
    message = r"--out .*/file is a file, and a folder is written"
    with pytest.raises(OSError, match=message), locked(tmp_path / "file", "--out"):
        pass
