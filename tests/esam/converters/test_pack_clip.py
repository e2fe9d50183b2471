"""Info files with features: same frames, same order, nothing missing unsaid."""

import json
import re
from pathlib import Path

import pytest
import torch

from vantage3d.esam.converters.convert import ClipOptions, feature_file
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import seal
from vantage3d.io.feature_identity import MANIFEST
from vantage3d.io.features import FeatureSource, write_features
from vantage3d.io.infos import load_info

SMALL = ("--num-points", 200)
SOURCE = FeatureSource("dino", "random-seed-0", (), (160, 120), (160, 120), 14, 3)
MADE_BY = dict(
    model="dino", weights="random-seed-0", layers=[], patch=14, channels=3,
    input_size=None,
)  # fmt: skip
INFO = "scannet200_sv_oneformer3d_infos_{}{}.json"


def extract(raw: Path, root: Path, form: str = "pt") -> list[Path]:
    """A feature file per colour image of a ScanNet export."""
    paths = []
    for image in sorted(raw.glob("2D/*/color/*.jpg")):
        path = root / image.parent.parent.name / f"{image.stem}.{form}"
        write_features(path, torch.zeros(SOURCE.shape), SOURCE)
        paths.append(path)
    atomic_write_bytes(root / MANIFEST, seal(json.dumps(MADE_BY)))
    return paths


def entries(out: Path, split: str, suffix: str = "_clip") -> list[dict]:
    return load_info(out / INFO.format(split, suffix))["data_list"]


def test_every_frame_gets_its_feature(scannet, create_data, tmp_path):
    out = tmp_path / "out"
    extract(scannet, out / "clip_feat")
    create_data("scannet200_sv", scannet, out, *SMALL, "--pack-clip")
    for split in ("train", "val"):
        plain, packed = entries(out, split, ""), entries(out, split)
        assert len(packed) == len(plain)
        for before, after in zip(plain, packed):
            scene, _, n = before["sample_idx"].rpartition("_")
            path = f"clip_feat/{scene}/{n}.pt"
            assert after == {**before, "clip_feat_path": path}
            assert Path(before["img_path"]).stem == n
            assert (out / path).is_file()
        whole = [load_info(out / INFO.format(split, s)) for s in ("", "_clip")]
        plain, packed = (info["metainfo"] for info in whole)
        assert packed == {**plain, "features": MADE_BY}


def test_another_folder_form_and_suffix(scannet, create_data, tmp_path):
    out, root = tmp_path / "out", tmp_path / "elsewhere" / "dino"
    extract(scannet, root, "safetensors")
    options = ("--feature-root", root, "--feature-form", "safetensors")
    create_data(
        "scannet200_sv", scannet, out, *SMALL, "--pack-clip", *options,
        "--clip-suffix", "_dino",
    )  # fmt: skip
    for entry in entries(out, "train", "_dino"):
        path = out / entry["clip_feat_path"]
        assert path.suffix == ".safetensors"
        assert path.is_file()
        assert root.resolve() in path.resolve().parents


def test_missing_feature_is_an_error(scannet, create_data, tmp_path):
    out = tmp_path / "out"
    extract(scannet, out / "clip_feat")
    gone = out / "clip_feat" / "scene0001_00" / "20.pt"
    gone.unlink()
    message = rf"1 of 6 samples for .*train_clip\.json have no .*{gone} is missing"
    with pytest.raises(SystemExit, match=message):
        create_data("scannet200_sv", scannet, out, *SMALL, "--pack-clip")
    assert not list(out.glob("*_clip.json"))  # not even of the split that is whole
    assert len(list(out.glob("*_infos_*.json"))) == 2


def test_missing_feature_is_skipped_and_told(
    scannet, create_data, tmp_path, monkeypatch
):
    lines = []
    monkeypatch.setattr(
        "vantage3d.esam.converters.convert.print_log",
        lambda text, **_: lines.append(text),
    )
    out = tmp_path / "out"
    extract(scannet, out / "clip_feat")
    (out / "clip_feat" / "scene0001_00" / "20.pt").unlink()
    options = ("--pack-clip", "--on-missing", "skip")
    create_data("scannet200_sv", scannet, out, *SMALL, *options)
    names = [entry["sample_idx"] for entry in entries(out, "train")]
    assert len(names) == 5
    assert "scene0001_00_20" not in names
    assert all("clip_feat_path" in entry for entry in entries(out, "train"))
    assert lines[-3].endswith("train_clip.json: 5 samples with features, 1 skipped")
    missing = out / "clip_feat" / "scene0001_00" / "20.pt"
    assert lines[-2] == f"skipped scene0001_00_20: {missing} is missing"
    assert lines[-1].endswith("val_clip.json: 3 samples with features, 0 skipped")


def test_nothing_left_is_an_error_all_the_same(scannet, create_data, tmp_path):
    out = tmp_path / "out"
    options = ("--pack-clip", "--on-missing", "skip")
    message = "6 of 6 samples .* or give their folder with --feature-root"
    with pytest.raises(SystemExit, match=message):
        create_data("scannet200_sv", scannet, out, *SMALL, *options)


def test_options_that_would_do_nothing(scannet, create_data, tmp_path):
    message = "--on-missing skip does nothing without --pack-clip"
    with pytest.raises(SystemExit, match=message):
        create_data("scannet200_sv", scannet, tmp_path, *SMALL, "--on-missing", "skip")


@pytest.mark.parametrize("suffix", ["", "../x"])
def test_suffix_that_names_another_file(suffix):
    with pytest.raises(ValueError, match=re.escape(f"--clip-suffix {suffix!r} would")):
        ClipOptions(clip_suffix=suffix)


@pytest.mark.parametrize(
    ("idx", "image", "path"),
    [
        ("scene0001_00_0", "2D/scene0001_00/color/0.jpg", "scene0001_00/0.pt"),
        ("desk_frame_12", "../raw/desk/color/frame_12.png", "desk/frame_12.pt"),
    ],
)
def test_path_rule(idx, image, path):
    entry = {"sample_idx": idx, "img_path": image}
    assert feature_file(Path("f"), entry, "pt") == Path("f") / path
