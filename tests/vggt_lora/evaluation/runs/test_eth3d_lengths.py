"""tools/evaluate_eth3d.py: several lengths, whole scenes, pictures."""

import csv
import json
from pathlib import Path

import pytest

from tests.vggt_lora.evaluation.runs.adapter_runs import CONFIG, write_adapter
from tools import create_data, evaluate_eth3d
from vantage3d.evaluation.results.folder import ResultFolder
from vantage3d.process.command import CommandError
from vantage3d.synthetic import write_dataset
from vantage3d.views.index import FrameIndex

ROOMS = Path(__file__).with_name("rooms_config.py")


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """ETH3D's layout with one scene to train on and one held out."""
    folder = tmp_path_factory.mktemp("rooms")
    frames = [0, 40, 80, 120, 160]
    write_dataset("eth3d", str(folder / "raw"), 1, 1, frames, (160, 120), 0, 1)
    arguments = ["--root-path", str(folder / "raw"), "--out-dir", str(folder / "cache")]
    create_data.main(["eth3d", *arguments, "--val-scenes", "scene0001_00"])
    return folder / "cache"


def run(rooms, out, *options):
    evaluate_eth3d.main(
        [
            str(ROOMS),
            *options,
            *("--out-dir", str(out), "--data-root", str(rooms)),
            *("--num-workers", "0", "--repeats", "0", "--device", "cpu"),
            *("--groups", "depth", "--align", "scale_shift"),
            *("--test-seq-lens", "2", "5", "--save-vis"),
        ]
    )


def test_every_length_has_its_folder_and_its_rows(rooms, tmp_path):
    write_adapter(tmp_path / "run", "iter_3", 3)
    run(rooms, tmp_path / "out", str(tmp_path / "run"), "--merge", "none")
    with (tmp_path / "out/lengths.csv").open() as file:
        rows = {(r["model"], r["seq_len"]): r for r in csv.DictReader(file)}
    assert set(rows) == {
        (name, length)
        for name in (
            "baseline",
            "checkpoint_3",
            "trivial_constant",
            "trivial_median_map",
        )
        for length in ("2", "5")
    }
    assert (rows["baseline", "2"]["windows"], rows["baseline", "2"]["frames"]) == (
        "2",
        "4",
    )
    assert (rows["baseline", "5"]["windows"], rows["baseline", "5"]["frames"]) == (
        "1",
        "5",
    )
    for (name, length), row in rows.items():
        folder = ResultFolder(tmp_path / f"out/len_{length}")
        assert folder.metadata()["align"] == "scale_shift"
        for metric in ("abs_rel", "mae", "delta3"):
            found = folder.metrics(name)[f"depth.full.{metric}"]
            for key in ("mean", "std", "median"):
                assert float(row[f"{metric}.{key}"]) == pytest.approx(
                    found[key], abs=6e-5
                )
        windows = json.loads((folder.root / "windows.json").read_text())["windows"]
        assert {window["sequence"] for window in windows} == {"scene0001_00"}
        pictures = tmp_path / "out/visualizations" / name / f"len_{length}"
        assert len(list(pictures.glob("scene0001_00_*.png"))) == len(windows)


def test_scenes_that_were_trained_on_are_refused(rooms, tmp_path):
    (tmp_path / "cache").mkdir()
    index = FrameIndex.load(rooms / "val.npz")
    index.save(tmp_path / "cache/val.npz")
    index.save(tmp_path / "cache/train.npz")
    match = r"scenes scene0001_00 are in split 'val' and in 'train'"
    with pytest.raises(CommandError, match=match):
        run(tmp_path / "cache", tmp_path / "out")
    assert str(ROOMS) != CONFIG
