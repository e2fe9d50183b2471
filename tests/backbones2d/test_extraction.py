"""Extraction to disk: equal bytes however it runs, nothing twice, nothing half."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.backbones2d.networks import (
    SIZE,
    PatchMeans,
    tiny_dinov2,
    write_recording,
)
from vantage3d.backbones2d import extraction, files
from vantage3d.backbones2d.extraction import (
    ExtractOptions,
    Pipeline,
    bytes_needed,
    extract,
)
from vantage3d.backbones2d.files import (
    FeatureFolder,
    FeatureWriter,
    ImageFrame,
    find_images,
)
from vantage3d.io.features import read_features
from vantage3d.process.shards import Shard

QUIET = ExtractOptions(batch_size=2, workers=0)


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("recording")
    scenes = {"a": [f"{n}.png" for n in range(3)], "b": ["0.png", "1.png"]}
    return write_recording(root, scenes)


@pytest.fixture
def frames(recording) -> list[ImageFrame]:
    return find_images(recording)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.bitwise
@pytest.mark.parametrize("form", ["pt", "safetensors"])
def test_files_hold_what_the_network_says(tmp_path, frames, form):
    network = tiny_dinov2(4, layers=[0, 2])
    result = extract(frames, network, FeatureFolder(tmp_path / "f", form), QUIET)
    assert result == (0, 5, {})
    for frame in frames:
        pixels = torch.from_numpy(np.array(Image.open(frame.path))).permute(2, 0, 1)
        expected = network(pixels[None] / 255)[0].half()
        path = tmp_path / "f" / frame.scene / f"{frame.frame}.{form}"
        feats = read_features(path, network.source(SIZE), frame.idx)
        assert torch.equal(feats, expected), frame


def test_bare_files_are_bare_half_precision_tensors(tmp_path, frames):
    extract(frames, PatchMeans(), FeatureFolder(tmp_path, "pt"), QUIET)
    feats = torch.load(tmp_path / "a/0.pt", weights_only=True)
    assert feats.shape == (3, 3, 5) and feats.dtype == torch.float16
    assert (tmp_path / "a/0.pt").stat().st_size < 4000  # not the whole batch


@pytest.mark.bitwise
@pytest.mark.parametrize("form", ["pt", "safetensors"])
def test_workers_and_batch_size_leave_the_bytes_unchanged(tmp_path, frames, form):
    made = []
    for name, batch, workers in (("x", 1, 0), ("y", 4, 0), ("z", 3, 2)):
        options = ExtractOptions(batch_size=batch, workers=workers)
        extract(frames, tiny_dinov2(), FeatureFolder(tmp_path / name, form), options)
        made.append(contents(tmp_path / name))
    assert made[0] == made[1] == made[2]
    assert len(made[0]) == 6  # with the manifest


@pytest.mark.bitwise
def test_a_fixed_batch_gives_equal_bytes_whoever_makes_a_file(tmp_path, frames):
    """As on CUDA, with 4 images at once: 5 = 4 + 1 = 2 + 3 = 2 + 2 + 1."""
    options, network = replace(QUIET, batch_size=4), tiny_dinov2()

    def make(name: str, *parts: list[ImageFrame]) -> dict[str, bytes]:
        folder = FeatureFolder(tmp_path / name, "pt")
        for part in parts:
            folder.open(extraction._made_by(network), False)
            pipeline = Pipeline(network, folder, options, part)
            pipeline.at_once = 4
            pipeline.run()
        return contents(folder.root)

    whole = make("whole", frames)
    assert len(whole) == 6
    assert whole == make("resumed", frames[:2], frames[2:])
    assert whole == make("shards", frames[::3], frames[1::3], frames[2::3])


def test_resuming_makes_nothing_twice(tmp_path, frames):
    folder, network = FeatureFolder(tmp_path, "pt"), PatchMeans()
    extract(frames[:3], network, folder, QUIET)
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.pt")}
    leftover = tmp_path / "a" / ".1.pt.0123.part"
    leftover.touch()
    network.calls.clear()
    assert extract(frames, network, folder, QUIET) == (3, 2, {})
    assert network.calls == [1, 1] and not leftover.exists()
    assert all(p.stat().st_mtime_ns == stamp for p, stamp in stamps.items())
    network.calls.clear()
    assert extract(frames, network, folder, QUIET) == (5, 0, {})
    assert network.calls == []


def test_overwrite_makes_everything_again(tmp_path, frames):
    folder = FeatureFolder(tmp_path, "pt")
    extract(frames, PatchMeans(), folder, QUIET)
    (tmp_path / "a/0.pt").write_bytes(b"damaged")
    again = replace(QUIET, overwrite=True)
    assert extract(frames, PatchMeans(), folder, again) == (0, 5, {})
    assert torch.load(tmp_path / "a/0.pt", weights_only=True).shape == (3, 3, 5)


def test_overwrite_leaves_nothing_of_another_network(tmp_path, frames):
    extract(frames, PatchMeans("b" * 64), FeatureFolder(tmp_path, "pt"), QUIET)
    again = replace(QUIET, overwrite=True)
    extract(frames[:1], PatchMeans(), FeatureFolder(tmp_path, "pt"), again)
    assert sorted(p.name for p in tmp_path.rglob("*.pt")) == ["0.pt"]


def test_refuses_overwriting_from_several_processes(tmp_path, frames):
    options = replace(QUIET, overwrite=True, shard=Shard(0, 2))
    with pytest.raises(ValueError, match="--overwrite with 2 processes could delete"):
        extract(frames, PatchMeans(), FeatureFolder(tmp_path, "pt"), options)


def test_shards_make_every_file_once(tmp_path, frames):
    folder, network = FeatureFolder(tmp_path / "parts", "safetensors"), PatchMeans()
    for rank in range(3):
        extract(frames, network, folder, replace(QUIET, shard=Shard(rank, 3)))
    assert sum(network.calls) == 5
    whole = FeatureFolder(tmp_path / "whole", "safetensors")
    extract(frames, PatchMeans(), whole, QUIET)
    assert contents(folder.root) == contents(whole.root)


@pytest.mark.parametrize(
    ("network", "changed"),
    [
        (PatchMeans("b" * 64), "weights was 'aaaa.*' and is now 'bbbb"),
        (PatchMeans(input_size=(35, 21)), r"input_size was None and is now \[35, 21\]"),
        (tiny_dinov2(), "model was 'means' and is now 'tiny'"),
    ],
)
def test_refuses_to_mix_networks(tmp_path, frames, network, changed):
    folder = FeatureFolder(tmp_path, "pt")
    extract(frames[:1], PatchMeans(), folder, QUIET)
    with pytest.raises(ValueError, match=f"holds features made otherwise: .*{changed}"):
        extract(frames, network, folder, QUIET)


def test_refuses_files_of_unknown_origin(tmp_path, frames):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/0.pt").touch()
    with pytest.raises(ValueError, match=r"there is no extraction.json to say how"):
        extract(frames, PatchMeans(), FeatureFolder(tmp_path, "pt"), QUIET)


def test_random_weights_are_named_in_the_output(tmp_path, frames):
    extract(frames, tiny_dinov2(), FeatureFolder(tmp_path, "pt"), QUIET)
    manifest = json.loads((tmp_path / "extraction.json").read_text())
    del manifest["crc32"]
    assert manifest == {
        "model": "tiny",
        "weights": "random-seed-0",
        "layers": [2],
        "patch": 14,
        "channels": 24,
        "input_size": None,
        "form": "pt",
    }


def test_images_of_several_sizes_make_several_batches(tmp_path):
    root = write_recording(tmp_path / "in", {"a": ["0.png", "2.png"]})
    write_recording(tmp_path / "wide", {"a": ["1.png"]}, size=(98, 42))
    shutil.copy(tmp_path / "wide/a/color/1.png", root / "a/color/1.png")
    folder, network = FeatureFolder(tmp_path / "out", "safetensors"), PatchMeans()
    extract(find_images(root), network, folder, replace(QUIET, batch_size=3))
    assert network.sizes == [(42, 70), (42, 70), (42, 98)]
    wide = network.source((98, 42))
    assert read_features(folder.root / "a/1.safetensors", wide).shape == (3, 3, 7)


@pytest.fixture
def with_a_bad_image(tmp_path) -> list[ImageFrame]:
    root = write_recording(tmp_path / "in", {"a": ["0.png", "1.png", "2.png"]})
    bad = root / "a/color/1.png"
    bad.write_bytes(bad.read_bytes()[:200])
    return find_images(root)


def test_a_bad_image_is_an_error_after_all_others(tmp_path, with_a_bad_image):
    folder = FeatureFolder(tmp_path / "out", "pt")
    with pytest.raises(ValueError, match=r"1 frames have no .* a_1: .*1.png is trunc"):
        extract(with_a_bad_image, PatchMeans(), folder, QUIET)
    assert sorted(p.name for p in folder.root.rglob("*.pt")) == ["0.pt", "2.pt"]


def test_a_bad_image_can_be_skipped(tmp_path, with_a_bad_image):
    folder = FeatureFolder(tmp_path / "out", "pt")
    options = replace(QUIET, skip_bad=True)
    result = extract(with_a_bad_image, PatchMeans(), folder, options)
    assert (result.kept, result.written) == (0, 2)
    assert list(result.bad) == ["a_1"]


def test_the_space_needed_is_that_of_the_files(tmp_path, frames):
    network, folder = tiny_dinov2(), FeatureFolder(tmp_path, "safetensors")
    extract(frames, network, folder, QUIET)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))
    values = 5 * 2 * 24 * 3 * 5
    assert values < size <= bytes_needed(frames, network) < values + 5 * 4096


def test_refuses_to_start_when_the_disk_is_too_small(tmp_path, frames, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: usage)
    network = PatchMeans()
    with pytest.raises(ValueError, match=r"need 0.00 GB and .* 0.00 GB free"):
        extract(frames, network, FeatureFolder(tmp_path / "f", "pt"), QUIET)
    assert network.calls == []


def test_the_space_is_told_before_the_start(tmp_path, frames, monkeypatch):
    said = []
    monkeypatch.setattr(extraction, "print_log", lambda text, **_: said.append(text))
    extract(frames, PatchMeans(), FeatureFolder(tmp_path, "pt"), QUIET)
    assert "5 files to make, 5 frames in all" in said[0]
    assert "GB needed" in said[0] and "GB free" in said[0]


def test_features_that_are_not_finite_are_refused(tmp_path, frames):
    network = PatchMeans()
    network.std.fill_(1e-7)  # beyond half precision
    with pytest.raises(ValueError, match=r"a/0.pt has .* not finite in torch.float16"):
        extract(frames, network, FeatureFolder(tmp_path, "pt"), QUIET)
    assert not list(tmp_path.rglob("*.pt"))


def test_a_disk_error_reaches_the_caller(tmp_path, frames):
    folder = FeatureFolder(tmp_path, "pt")
    (tmp_path / "a").touch()  # where a folder must be
    with pytest.raises(OSError, match="could not write"):
        extract(frames, PatchMeans(), folder, QUIET)


def test_the_writer_waits_while_too_much_is_pending(tmp_path, frames):
    with FeatureWriter(FeatureFolder(tmp_path, "pt"), 2) as writer:
        for frame in frames:
            writer.submit(frame, torch.zeros(3, 3, 5), PatchMeans().source(SIZE))
            assert len(writer._pending) <= 2
    assert len(list(tmp_path.rglob("*.pt"))) == 5
