"""Fetching from the hub, with a client that is made up."""

import hashlib
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest

from vantage3d.io.hub import fetch
from vantage3d.io.released_weights import RELEASED

VGGT = RELEASED["vggt_1b"]


@pytest.fixture
def hub(monkeypatch):
    """Answers of the hub, taken from a list: bytes to write, or an error to raise."""
    answers: list = []

    def download(repo: str, file: str, local_dir: Path) -> str:
        assert (repo, file) == ("facebook/VGGT-1B", "model.safetensors")
        unfinished = local_dir / "cache/model.incomplete"
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(b"half")
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        whole = local_dir / file
        whole.write_bytes(answer)
        return str(whole)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return answers


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_gets_its_name_and_its_hash(hub, tmp_path):
    hub.append(b"weights")
    path = fetch(VGGT, True, tmp_path)
    assert path == tmp_path / "vggt_1b.safetensors" and path.read_bytes() == b"weights"
    assert names(tmp_path) == ["vggt_1b.safetensors", "vggt_1b.safetensors.sha256"]
    digest = hashlib.sha256(b"weights").hexdigest()
    assert (tmp_path / names(tmp_path)[1]).read_text() == f"{digest}  {path.name}\n"
    assert fetch(VGGT, True, tmp_path) == path, "what is there is not fetched again"


def test_a_broken_download_has_not_the_name_and_goes_on(hub, tmp_path):
    hub += [OSError("Connection reset\nlong story"), b"weights"]
    with pytest.raises(ConnectionError) as error:
        fetch(VGGT, True, tmp_path)
    said = str(error.value)
    assert "vggt_1b was not downloaded" in said and "(Connection reset)" in said
    assert "\n" not in said and "Call again to go on" in said
    assert names(tmp_path) == [".vggt_1b.part"]
    assert fetch(VGGT, True, tmp_path).read_bytes() == b"weights"
    assert ".vggt_1b.part" not in names(tmp_path)


def test_another_file_than_the_published_one_is_refused(hub, tmp_path):
    hub.append(b"other weights")
    with pytest.raises(ValueError, match=f"SHA-256 is .*, expected {'0' * 64}"):
        fetch(replace(VGGT, sha256="0" * 64), True, tmp_path)
    assert names(tmp_path) == []


def test_the_licence_comes_first(hub, tmp_path):
    with pytest.raises(ValueError, match=r"CC BY-NC 4\.0.*Call again with --accept"):
        fetch(VGGT, False, tmp_path)


def test_what_is_not_on_the_hub_is_told_from_where(tmp_path):
    with pytest.raises(ValueError, match=r"fastsam_x is not on the .*CASIA-IVA-Lab"):
        fetch(RELEASED["fastsam_x"], True, tmp_path)
