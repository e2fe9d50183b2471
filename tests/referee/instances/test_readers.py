"""Files that are almost right: each is refused with its name and what to do."""

import numpy as np
import pytest
from PIL import Image

from vantage3d.io.infos import save_info
from vantage3d.referee.instances import frames, predictions, truth
from vantage3d.referee.tasks import find_task

AWARE = find_task("instances", "scannet-official").rules
AGNOSTIC = find_task("instances", "strict").rules
MASKS = np.eye(3, 5, dtype=bool)


def npz(folder, name="a", **arrays):
    np.savez(folder / f"{name}.npz", **arrays)
    return folder / f"{name}.npz"


def test_formats_are_told_apart_by_content(tmp_path):
    npz(tmp_path, "own", masks=MASKS, scores=np.ones(3))
    npz(tmp_path, "first", pred_masks=MASKS.T, pred_score=np.ones(3))
    npz(tmp_path, "seg", pts_instance_mask=MASKS[None], instance_scores=np.ones(3))
    npz(tmp_path, "frame", color=0, K=0, masks=MASKS, scores=np.ones(3))
    (tmp_path / "list.txt").write_text("masks/0.txt 3 0.5\n")
    (tmp_path / "truth.txt").write_text("3001\n0\n")
    (tmp_path / "empty.npz").touch()
    found = {
        kind.name: sorted(kind(AGNOSTIC).find(tmp_path))
        for kind in find_task("instances", "strict").readers
    }
    assert found == {
        "npz": ["own"],
        "mask3d-npz": ["first"],
        "esam-npz": ["seg"],
        "npy": [],
        "scannet-txt": ["list"],
        "predict": [],
    }
    assert list(truth.BenchmarkTruth(AGNOSTIC).find(tmp_path)) == ["truth"]
    for name in ("own", "first", "seg"):
        (kind,) = (k for k, names in found.items() if names == [name])
        reader = {k.name: k for k in find_task("instances", "strict").readers}[kind]
        read = reader(AGNOSTIC).read(tmp_path / f"{name}.npz")
        np.testing.assert_array_equal(read.masks, MASKS)


@pytest.mark.parametrize(
    ("kind", "arrays", "said"),
    [
        ("OwnNpz", {"masks": MASKS}, r"must have the array `scores`, it has \['masks'"),
        (
            "OwnNpz",
            {"masks": MASKS.T, "scores": np.ones(3)},
            r"`masks` must have shape \(P, N\) for P = 3 scores, got \(5, 3\)",
        ),
        (
            "PointsFirstNpz",
            {"pred_masks": MASKS, "pred_scores": np.ones(3)},
            r"`pred_masks` must have shape \(N, P\) for P = 3 scores, got \(3, 5\)",
        ),
        (
            "OwnNpz",
            {"masks": MASKS * 0.7, "scores": np.ones(3)},
            "masks must be of 0 and 1, got 0.7. Cut probabilities",
        ),
        (
            "OwnNpz",
            {"masks": MASKS, "scores": np.ones(3), "classes": ["bed", "bed", "lap"]},
            r"\['lap'\] are no classes of scannet20",
        ),
        (
            "OwnNpz",
            {"masks": MASKS, "scores": np.ones(3), "classes": [3, 4, 4.5]},
            r"classes must be whole numbers, got \[3.  4.  4.5\]",
        ),
        (
            "PredPtsSegNpz",
            {
                "pts_instance_mask": MASKS,
                "instance_scores": np.ones(3),
                "instance_labels": [0, 17, 18],
            },
            "places in the 18 classes with instances, got 0..18",
        ),
    ],
)
def test_arrays_that_are_something_else_are_named(tmp_path, kind, arrays, said):
    path = npz(tmp_path, **{k: np.asarray(v) for k, v in arrays.items()})
    with pytest.raises(ValueError, match=f"a.npz.*{said}"):
        getattr(predictions, kind)(AWARE).read(path)


def test_a_network_that_finds_objects_has_no_classes(tmp_path):
    names = np.array(["object"] * 3)
    path = npz(tmp_path, masks=MASKS, scores=np.ones(3), classes=names)
    assert predictions.OwnNpz(AWARE).read(path).classes is None


def listed(folder, line, mask="1\n0\n"):
    (folder / "masks").mkdir()
    (folder / "masks" / "0.txt").write_text(mask)
    (folder / "a.txt").write_text(line)
    return predictions.BenchmarkText(AWARE).read(folder / "a.txt")


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("1\n0\n0\n7\n", [1, 0, 0, 1]),
        ("1\n0\n0", [1, 0, 0]),
        ("1\r\n0\r\n12\r\n", [1, 0, 1]),
        ("1.0\n0.0\n", [1, 0]),
    ],
)
def test_masks_of_any_number_are_read(tmp_path, text, mask):
    found = listed(tmp_path, "masks/0.txt 3 0.25\n\n", text)
    assert found.masks.astype(int).tolist() == [mask] and found.scores == [0.25]


@pytest.mark.parametrize(
    ("line", "mask", "said"),
    [
        ("masks/0.txt chair 0.5", "1\n", "a.txt, line 1: expected `FOLDER/MASK.txt CL"),
        ("masks/0.txt 3", "1\n", "a.txt, line 1: .* got 'masks/0.txt 3'"),
        ("../../0.txt 3 0.5", "1\n", "names '../../0.txt', which is .*: outside of"),
        ("masks/1.txt 3 0.5", "1\n", "mask .*1.txt is missing"),
        ("masks/0.txt 3 0.5", "1\nx\n", "0.txt: expected a number a line.*'x'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, mask, said):
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        listed(tmp_path, line, mask)


def test_masks_of_different_lengths_are_named(tmp_path):
    lines = "masks/0.txt 3 0.5\nmasks/1.txt 3 0.5\n"
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "1.txt").write_text("1\n")
    (tmp_path / "masks" / "0.txt").write_text("1\n0\n")
    (tmp_path / "a.txt").write_text(lines)
    with pytest.raises(ValueError, match=r"a.txt: its masks have \[1, 2\] lines"):
        predictions.BenchmarkText(AWARE).read(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("text", "said"),
    [("3001\nx\n", "a number a line.*'x'"), ("3001\n0.5\n", "whole numbers.* got 0.5")],
)
def test_wrong_truth_is_named(tmp_path, text, said):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(ValueError, match=f"a.txt: expected {said}"):
        truth.BenchmarkTruth(AWARE).read(tmp_path / "a.txt")


def test_truth_of_floats_is_named(tmp_path):
    path = npz(tmp_path, instances=np.zeros(3))
    with pytest.raises(ValueError, match="`instances` must be integers, got float64"):
        truth.OwnTruth(AWARE).read(path)


def test_info_files_of_the_other_column_of_labels_are_refused(tmp_path):
    path = tmp_path / "a_infos_val.json"
    save_info(path, {"label_column": "id"}, [{"sample_idx": "scene0000_00_0"}])
    assert list(truth.InfoTruth(AGNOSTIC).find(path)) == ["scene0000_00_0"]
    with pytest.raises(ValueError, match=r"column 'id' .* those of 'nyu40id'"):
        truth.InfoTruth(AWARE).find(path)


def test_frames_of_several_recordings_are_called_by_both(tmp_path):
    for sequence in ("desk", "hall 1"):
        for kind, shape in (("instance", (2, 3)), ("semantic", (2, 3))):
            (tmp_path / sequence / kind).mkdir(parents=True)
            image = Image.fromarray(np.full(shape, 4, np.uint16))
            image.save(tmp_path / sequence / kind / "7.png")
    reader = frames.ImageTruth(AWARE)
    found = reader.find(tmp_path)
    assert list(found) == ["desk_7", "hall.201_7"]
    assert list(reader.find(tmp_path / "desk")) == ["7"]
    read = reader.read(found["desk_7"])
    assert read.instances.tolist() == [3] * 6 and read.classes.tolist() == [4] * 6
    Image.fromarray(np.zeros((3, 2), np.uint16)).save(
        tmp_path / "desk" / "semantic" / "7.png"
    )
    with pytest.raises(ValueError, match=r"7.png have the shapes \[\(2, 3\), \(3, 2\)"):
        reader.read(found["desk_7"])


def test_a_frame_without_instances_is_named(tmp_path):
    (tmp_path / "frames").mkdir()
    path = npz(tmp_path / "frames", color=np.zeros((1, 1, 3)), K=np.eye(3))
    with pytest.raises(ValueError, match=r"a.npz has no instances"):
        frames.PredictedFrames(AWARE).read(path)
