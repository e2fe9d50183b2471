"""The command lines of tools/extract_*.py, on small images with random weights."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from tests.backbones2d.networks import write_recording
from vantage3d.backbones2d import weights
from vantage3d.io.features import FeatureSource, read_features
from vantage3d.process.command import CommandError

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def tool(name: str):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


dino, clip = tool("extract_dino_v2_features"), tool("extract_clip_rn50_features")


@pytest.fixture
def export(tmp_path) -> Path:
    names = [f"{n}.jpg" for n in (0, 20, 200)]
    write_recording(tmp_path / "raw/2D", {"scene0000_00": names}, size=(64, 48))
    return tmp_path / "raw"


def folders(root: Path, *more: str) -> list[str]:
    out = root.parent / "out"
    return ["--root-path", str(root), "--out-dir", str(out), "--workers", "0", *more]


def test_dino_of_a_scannet_export(export):
    options = [
        "--model",
        "dinov2_vits14_reg",
        "--layers",
        "5",
        "-1",
        "--random-weights",
    ]
    size = ["--input-size", "56x42", "--form", "safetensors"]
    dino(folders(export, *options, *size))
    folder = export.parent / "out/clip_feat"
    made = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*"))
    assert made == ["scene0000_00/0.safetensors", "scene0000_00/200.safetensors"]
    source = FeatureSource(
        "dinov2_vits14_reg", "random-seed-0", (5, 11), (64, 48), (56, 42), 14, 768
    )
    feats = read_features(folder / made[1], source, "scene0000_00_200")
    assert feats.shape == (768, 3, 4)


def test_clip_of_a_scannet_export(export):
    more = ["--frame-interval", "20", "--random-weights", "--folder", "clip_feat_rn50"]
    clip(folders(export, *more))
    folder = export.parent / "out/clip_feat_rn50"
    for frame in (0, 20, 200):
        feats = torch.load(folder / f"scene0000_00/{frame}.pt", weights_only=True)
        assert feats.shape == (512, 6, 8) and feats.dtype == torch.float16
    manifest = json.loads((folder / "extraction.json").read_text())
    assert manifest["weights"] == "random-seed-0"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--batch-size", "0"], "--batch-size must be at least 1, got 0"),
        (["--workers", "-1"], "--workers must be at least 0, got -1"),
        (["--rank", "2", "--world-size", "2"], r"--rank must be in 0..1 .*got 2"),
        (["--device", "cuda:99"], r"--device cuda:99 does not exist"),
        (["--scenes", "nowhere"], "has no nowhere/color"),
        (["--weights", "gone.pth"], "weights gone.pth of clip_rn50 do not exist"),
    ],
)
def test_mistakes_end_in_one_message(export, more, message, capsys):
    with pytest.raises(CommandError, match=message) as error:
        clip(folders(export, *more))
    assert error.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_without_weights_it_says_what_to_fetch(export, monkeypatch):
    def unreachable(repo: str, file: str):
        raise ConnectionError("no route to host")

    monkeypatch.chdir(export)
    monkeypatch.setattr(weights, "from_hub", unreachable)
    with pytest.raises(
        CommandError, match=r"(?s)no weights of dinov2_vitl14.*To get it, "
    ):
        dino(folders(export))
    assert not (export.parent / "out").exists()


def test_refuses_a_size_that_is_none(export, capsys):
    with pytest.raises(SystemExit):
        clip(folders(export, "--input-size", "560"))
    assert "must look like 640x480, got '560'" in capsys.readouterr().err
