"""Ids of streams from files: figures of evaluation.tracking, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from vantage3d.evaluation.tracking import track_metrics, tracked
from vantage3d.referee.evaluate import evaluate
from vantage3d.referee.streams.data import OwnIds, ShownIds, StreamFiles, TrueNpz
from vantage3d.referee.tasks import find_task

TASK = find_task("streams", "stream-ids")
STREAMS, FRAMES, SIZE = ("desk", "hall"), [f"{10 * t}" for t in range(12)], (20, 30)


@pytest.fixture(scope="module")
def films():
    """Truth and a tracker that is wrong in many ways, by stream and frame."""
    rng = np.random.default_rng(0)
    truth, shown = {}, {}
    for stream in STREAMS:
        truth[stream], shown[stream] = {}, {}
        for frame in FRAMES:
            ids = np.repeat(rng.integers(-1, 4, 6), 100).reshape(SIZE)
            known = np.unique(ids[ids >= 0])
            masks = (ids == known[:, None, None]) & (rng.random(SIZE) < 0.9)
            own = np.where(rng.random(len(known)) < 0.2, 9, known + 20)
            truth[stream][frame], shown[stream][frame] = ids, ShownIds(masks, own)
    return truth, shown


def written(root, truth, shown, reader=OwnIds):
    for stream in truth:
        TrueNpz(TASK.rules).write(root / "truth", stream, truth[stream])
        reader(TASK.rules).write(root / "shown", stream, shown[stream])
    return evaluate(TASK, root / "shown", root / "truth")


def frames_of(truth, shown):
    return [
        tracked(
            stream,
            ids.ravel(),
            shown[stream][frame].masks.reshape(-1, ids.size),
            shown[stream][frame].ids,
        )
        for stream, frames in truth.items()
        for frame, ids in frames.items()
    ]


@pytest.mark.parametrize("reader", [OwnIds, StreamFiles])
def test_figures_are_those_of_all_streams_together(films, reader, tmp_path):
    result = written(tmp_path, *films, reader)
    expected = track_metrics(frames_of(*films))
    found = {k.removeprefix("track."): v for k, v in result.figures["model"].items()}
    assert found == pytest.approx(expected) and 0.3 < expected["hota"] < 1
    assert result.counts["frames"] == 24 and result.units == list(STREAMS)
    rows = result.figures
    assert rows["fresh ids in each frame"]["track.det_a"] == pytest.approx(
        expected["det_a"]
    )
    assert rows["one id for everything"]["track.births"] == 2 / 24


def test_a_frame_that_is_not_predicted_is_missed(films, tmp_path):
    truth, shown = films
    left = {name: dict(frames) for name, frames in shown.items()}
    del left["desk"]["30"]
    result = written(tmp_path, truth, left)
    nothing = ShownIds(np.zeros((0, *SIZE), bool), np.zeros(0, int))
    left["desk"]["30"] = nothing
    expected = track_metrics(frames_of(truth, left))
    assert result.figures["model"]["track.hota"] == pytest.approx(expected["hota"])
    assert result.counts["of them not predicted"] == 1
    assert result.counts["predicted frames without truth"] == 0
    left["desk"]["x"] = nothing
    assert written(tmp_path, truth, left).counts["predicted frames without truth"] == 1


def test_masks_of_another_size_count_on_the_pixels_of_the_truth(films, tmp_path):
    truth, shown = ({"desk": one["desk"]} for one in films)
    large = {
        stream: {f: np.kron(i, np.ones((2, 2), int)) for f, i in frames.items()}
        for stream, frames in truth.items()
    }
    whole = {
        stream: {
            f: s._replace(masks=np.kron(s.masks, np.ones((1, 2, 2), bool)))
            for f, s in frames.items()
        }
        for stream, frames in shown.items()
    }
    small = written(tmp_path / "small", large, shown).figures["model"]
    assert small == written(tmp_path / "whole", large, whole).figures["model"]


def test_one_stream_may_be_given_itself(films, tmp_path):
    written(tmp_path, *films)
    alone = evaluate(TASK, tmp_path / "shown" / "desk", tmp_path / "truth" / "desk")
    assert alone.units == ["stream"] and alone.counts["frames"] == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ids": np.zeros(1)}, "`ids` must be integers, got float64"),
        ({"ids": np.zeros(3, int)}, "must have `masks` and as many `ids`"),
        ({"masks": np.full((1, *SIZE), 0.5)}, "masks must be of 0 and 1, got 0.5"),
        ({"masks": np.ones((1, 50, 30), bool)}, "prediction is 30x50 and the truth"),
        ({"masks": np.ones((1, 7), bool)}, "frame 0: masks are over 7 points and the"),
    ],
)
def test_frames_that_do_not_fit_are_named(films, tmp_path, change, said):
    written(tmp_path, *films)
    good = {"masks": np.ones((1, *SIZE), bool), "ids": np.zeros(1, int)}
    np.savez(tmp_path / "shown" / "desk" / "0.npz", **{**good, **change})
    with pytest.raises(ValueError, match=said):
        evaluate(TASK, tmp_path / "shown", tmp_path / "truth")


def test_frames_of_other_names_are_refused(films, tmp_path):
    truth, shown = films
    other = {s: {f"x{f}": one for f, one in shown[s].items()} for s in shown}
    with pytest.raises(ValueError, match=r"none of the 12 predicted frames \(x0, "):
        written(tmp_path, truth, other)


def test_images_of_ids_are_truth(films, tmp_path):
    truth, _ = films
    image = tmp_path / "desk" / "instance" / "0.png"
    image.parent.mkdir(parents=True)
    Image.fromarray((truth["desk"]["0"] + 1).astype(np.uint16)).save(image)
    (kind,) = [one for one in TASK.truth_readers if one.name == "images"]
    reader = kind(TASK.rules)
    read = reader.read(reader.find(tmp_path)["desk"])
    np.testing.assert_array_equal(read["0"], truth["desk"]["0"])
