"""Long streams, whose network is a stand-in: what it finds are pieces of the walls."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmdet3d.structures import PointData

from tests.inference.conftest import weights
from vantage3d.esam import StreamSegmenter
from vantage3d.esam.inference import View
from vantage3d.esam.online import stream as module
from vantage3d.geometry import look_at, unproject
from vantage3d.inference import InputFrame
from vantage3d.results.store import StoredFrames

__all__ = ["weights"]
SIZE = (18, 24)
K = np.array([[20.0, 0, 11.5], [0, 20.0, 8.5], [0, 0, 1]])
HALL = np.array([4.0, 3.0, 1.5])  # half sizes, metres
ROUND = 120  # frames of one look around


def frame(number: int, still: bool = False) -> InputFrame:
    """A camera that turns round while it walks up and down a hall."""
    turn = 0.0 if still else 2 * np.pi * number / ROUND
    eye = np.array([0.0 if still else 2 * np.sin(number / 70), 0.3, 0.1])
    target = eye + np.array([np.cos(turn), np.sin(turn), -0.2])
    pose = look_at(eye, target, np.array([0.0, 0.0, 1.0]))
    rays = unproject(np.ones(SIZE), K, pose) - pose[:3, 3]
    depth = ((np.sign(rays) * HALL - pose[:3, 3]) / rays).min(-1).astype(np.float32)
    color = np.zeros((*SIZE, 3), np.uint8)
    return InputFrame(
        f"{number:04d}", color, K, depth, cam2world=pose, timestamp=number
    )


@pytest.fixture(scope="module")
def stream(weights):
    """Its network finds in each frame the pieces of wall, two metres wide, it shows."""
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "VOXEL_SIZE", 0.5)  # pixels are 20 cm apart on the walls
    made = StreamSegmenter(weights("esam"), num_points=200)

    def view(frame):
        points = unproject(frame.depth.astype(np.float64), K, frame.cam2world)
        cells = np.floor((points + 1e-6) / 2 + 50).astype(np.int64) @ (1, 100, 10000)
        ids = np.unique(cells, return_inverse=True)[1].reshape(SIZE)
        return View(frame.color, frame.depth, K, ids)

    def predict(drawn):
        ids = drawn["sp_pts_mask"]
        number = ids.max() + 1
        found = PointData(
            pts_semantic_mask=[np.zeros(len(ids), np.int64)],
            pts_instance_mask=[ids == np.arange(number)[:, None]],
            instance_labels=np.zeros(number, np.int64),
            instance_scores=np.linspace(0.9, 0.4, number),
        )
        return [SimpleNamespace(pred_pts_seg=found)]

    made._view = view
    made._batch = lambda drawn: {"drawn": drawn[0]}
    made.model.predict = predict
    yield made
    patch.undo()


def state(stream) -> list:
    parts = stream.parts().values()
    arrays = [getattr(part, name) for part in parts for name in part.NAMES]
    return [*arrays, stream.order.array]


def test_500_frames_in_two_halves_are_one_run(stream, tmp_path):
    frames = [frame(number) for number in range(500)]
    stream.reset()
    ids = []
    for number, one in enumerate(frames):
        if number == 250:
            stream.save(tmp_path / "half.npz")
        ids.append(stream._step(one).instances.tracks)
    expected, table = state(stream), stream.scene().table
    stream.load(tmp_path / "half.npz")
    for one, found in zip(frames[250:], ids[250:]):
        np.testing.assert_array_equal(stream._step(one).instances.tracks, found)
    for array, other in zip(state(stream), expected, strict=True):
        np.testing.assert_array_equal(array, other)
    np.testing.assert_equal(stream.scene().table, table)
    # pieces are seen again in every round, and nothing but new ones are added
    assert max(row.last - row.first for row in table) > 2 * ROUND
    assert len(table) < 60 < sum(row.frames for row in table) / len(table)


def test_a_camera_that_stands_still_for_1000_frames_adds_nothing(stream):
    stream.reset()
    first = stream._step(frame(0, still=True)).instances.tracks
    sizes = len(stream.tracks), len(stream.map), stream.superpoints.count
    drawn = frame(0, still=True)
    view = stream._view(drawn)
    of_network = stream._draw(drawn, view)
    for number in range(1, 1000):
        (found,) = stream.model.predict(of_network)
        again = stream._tracked(drawn, view, of_network, found.pred_pts_seg)
        stream._place = number
    np.testing.assert_array_equal(np.sort(again.instance_tracks), np.sort(first))
    now = len(stream.tracks), len(stream.map), stream.superpoints.count
    assert now == sizes
    assert (stream.tracks.frames == 1000).all()


def test_a_killed_stream_goes_on_from_its_last_state(stream, tmp_path, monkeypatch):
    """Killed at any frame; files and ids are those of one run."""
    frames = [frame(number) for number in range(0, 240, 8)]
    frames[7] = frames[7]._replace(cam2world=None)
    whole = list(stream.stream(frames))
    expected = state(stream)
    store = StoredFrames(tmp_path / "frames", ())
    monkeypatch.setattr(stream, "save_every", 10)
    for killed_at in (6, 14, 27):
        killed = stream.stream(frames, store=store)
        for _ in range(killed_at):
            next(killed)
        killed.close()
    steps = []
    step = type(stream)._step
    monkeypatch.setattr(
        type(stream), "_step", lambda *args: steps.append(args[1]) or step(*args)
    )
    found = list(stream.stream(frames, store=store))
    assert len(steps) == 9 and list(stream.skipped) == [frames[7].name]
    assert [one.name for one in found] == [one.name for one in whole]
    for one, other in zip(found, whole):
        np.testing.assert_array_equal(one.instances.tracks, other.instances.tracks)
    for array, other in zip(state(stream), expected, strict=True):
        np.testing.assert_array_equal(array, other)
    assert list(stream.stream(frames, store=store))[-1].name == frames[-1].name
    assert len(steps) == 9  # finished: the network is not asked
    store.path(frames[3].name).write_bytes(b"x")
    with pytest.raises(
        ValueError, match=rf"{frames[3].name}\.npz is missing, .*begins"
    ):
        list(stream.stream(frames, store=store))


def test_the_thread_changes_nothing(stream):
    frames = [frame(number) for number in range(0, 60, 6)]
    stream.reset()
    one_by_one = [stream._step(one) for one in frames]
    for found, other in zip(stream.stream(frames), one_by_one, strict=True):
        np.testing.assert_array_equal(found.instances.masks, other.instances.masks)
        np.testing.assert_array_equal(found.instances.tracks, other.instances.tracks)
