"""A stream, frame by frame: ids, what is refused, and going on after a stop."""

import numpy as np
import pytest
import torch
from mmdet3d.structures import PointData

from tests.inference.conftest import room, weights
from tests.inference.trained import work_dir
from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.esam import RGBDSegmenter, StreamSegmenter
from vantage3d.esam.online.association import RULES
from vantage3d.geometry import scale_intrinsics
from vantage3d.inference import Group, open_footage
from vantage3d.sparse import SparseTensor

__all__ = ["room", "weights"]
POINTS = 1000
ONLINE = {
    "model.type": "ScanNet200MixFormer3D_Online",
    "model.memory": {"type": "MultilevelMemory", "in_channels": (24, 32, 48, 64)},
    "model.merge_head": {"type": "MergeHead", "in_channels": 96, "out_channels": 32},
    "model.merge_criterion": {"type": "ScanNetMergeCriterion_Fast"},
    "model.track_head": {
        "type": "TrackHead",
        "in_channels": 96,
        "out_channels": 24,
        "d_hidden": 32,
        "num_heads": 4,
    },
    "model.track_criterion": {"type": "TrackCriterion"},
    "model.decoder.bbox_flag": True,
    "model.test_cfg.npoint_thr": 20,
}


@pytest.fixture(scope="module")
def online_weights(tmp_path_factory):
    return work_dir(tmp_path_factory.mktemp("w") / "online", "esam", ONLINE)


@pytest.fixture(scope="module")
def streams(weights, online_weights):
    """A stream of each kind, made once: of single views, and with a memory."""
    paths = {"single": weights("esam"), "online": online_weights}
    return {
        name: StreamSegmenter(path, num_points=POINTS, least_score=0)
        for name, path in paths.items()
    }


@pytest.fixture
def stream(streams):
    streams["single"].reset()
    return streams["single"]


@pytest.fixture
def objects(stream, monkeypatch):
    """A stream whose network finds the six largest superpoints, each an object."""

    def predict(inputs, data_samples):
        ids = data_samples[0].gt_pts_seg.sp_pts_mask.numpy()
        largest = np.argsort(-np.bincount(ids), kind="stable")[:6]
        data_samples[0].pred_pts_seg = PointData(
            pts_semantic_mask=[np.zeros(len(ids), np.int64)],
            pts_instance_mask=[ids == largest[:, None]],
            instance_labels=np.zeros(6, np.int64),
            instance_scores=np.linspace(0.9, 0.4, 6),
        )
        return data_samples

    monkeypatch.setattr(stream.model, "predict", predict)
    return stream


@pytest.fixture(scope="module")
def frames(room):
    """Three posed views at half their size."""
    return [halved(frame) for frame in open_footage(room)]


def halved(frame):
    K = scale_intrinsics(frame.K, 0.5)
    small = {"color": frame.color[::2, ::2], "depth": frame.depth[::2, ::2]}
    return frame._replace(**small, K=K, K_depth=None)


def same(found, other) -> bool:
    a, b = found.instances, other.instances
    return np.array_equal(a.masks, b.masks) and np.array_equal(a.tracks, b.tracks)


def state(stream) -> list:
    of = stream.parts().values()
    arrays = [np.array(getattr(one, name)) for one in of for name in one.NAMES]
    known = stream.memory.known if stream.memory else []
    queries = stream.track_head.known or [] if stream.track_head else []
    features = [level.features for level in known if level is not None]
    return arrays + [rows.numpy() for rows in [*features, *queries]]


def equal(a: list, b: list) -> bool:
    return len(a) == len(b) and all(map(np.array_equal, a, b))


def test_masks_are_those_of_the_segmenter(stream, frames, monkeypatch):
    monkeypatch.setattr(stream, "rule", RULES["box_iou"])
    for found, frame in zip(stream.stream(frames[:2]), frames):
        (alone,) = RGBDSegmenter.predict(stream, Group([frame], 1))
        masks = {mask.tobytes() for mask in alone.instances.masks}
        assert {mask.tobytes() for mask in found.instances.masks} <= masks
        assert len(found.instances.masks)


def test_by_space_masks_are_pieces_of_the_segmenters(stream, frames):
    found = stream.stream(frames[:1])
    masks = next(found).instances.masks
    (alone,) = RGBDSegmenter.predict(stream, Group(frames[:1], 1))
    whole = alone.instances.masks
    inside = [(~(mask & ~whole)).all((1, 2)).any() for mask in masks]
    assert len(masks) and all(inside)


def test_ids_are_those_of_the_table(objects, frames):
    found = list(objects.stream(frames))
    scene = objects.scene()
    shown = [set(one.instances.tracks.tolist()) for one in found]
    for row in scene.table:
        places = [place for place, ids in enumerate(shown) if row.id in ids]
        assert (row.first, row.last) == (places[0], places[-1])
        assert row.frames == len(places)
        own = scene.points[scene.ids == row.id]
        assert row.voxels == len(own)
        if len(own):
            assert (own > row.box[:3]).all() and (own < row.box[3:]).all()
    assert len(scene.table) == len(set().union(*shown)) > 6
    assert set().union(*shown[1:]) & shown[0]  # some are seen again


def test_a_stream_in_two_halves_is_one(streams, frames, tmp_path, monkeypatch):
    """Bit for bit, whatever happened to the process in between; by a tracker."""
    stream = streams["online"]
    monkeypatch.setattr(stream, "rule", RULES["tracking"])
    torch.nn.init.eye_(stream.track_head.attention.attn.out_proj.weight)  # it looks
    whole = list(stream.stream(frames))
    expected = state(stream)
    stream.reset()
    for frame in frames[:2]:
        stream.step(frame.color, **frame_arguments(frame))
    stream.save(tmp_path / "half.npz")
    list(stream.stream(frames[2:]))  # something else
    stream.load(tmp_path / "half.npz")
    last = stream.step(frames[2].color, **frame_arguments(frames[2]))
    assert same(last, whole[2]) and equal(state(stream), expected)
    assert stream.tracks.feats.shape[1] == 32 and stream.tracks.boxes.shape[1] == 6
    assert stream.tracks.lately_feats.shape[1] == 24 and len(stream.tracks.lately_at)
    assert all(level is not None for level in stream.memory.known)
    assert len(stream.track_head.known[0])
    stream.reset()
    assert stream.memory.known == [None] * 4 and len(stream.tracks) == 0
    assert stream.track_head.known is None and len(stream.tracks.lately_at) == 0


def test_the_times_of_a_queue_are_part_of_the_state(streams, tmp_path, monkeypatch):
    """Of a memory that forgets what was not shown for some frames."""
    stream = streams["online"]
    monkeypatch.setattr(stream.memory, "queue", 3)
    stream.reset()
    for shift in range(3):
        at = torch.tensor([[0, 2 * shift, 0, 4], [0, 2, 0, 2]])
        levels = [
            SparseTensor(torch.randn(2, channels), at * 2**level, 2 ** (level + 1))
            for level, channels in enumerate(stream.memory.in_channels)
        ]
        with torch.no_grad():
            stream.memory(levels)
    stream.save(tmp_path / "queue.npz")
    expected = [(k.features, t.rows) for k, t in zip(*memory_of(stream))]
    stream.load(tmp_path / "queue.npz")
    found = [(k.features, t.rows) for k, t in zip(*memory_of(stream))]
    for one, other in zip(found, expected, strict=True):
        assert all(map(torch.equal, one, other))
    assert set(found[0][1].ravel().tolist()) == {1, 2}
    stream.reset()


def memory_of(stream) -> tuple:
    return stream.memory.known, stream.memory.times


def frame_arguments(frame) -> dict:
    names = ("name", "depth", "K", "K_depth", "depth2color", "cam2world", "timestamp")
    return {name: getattr(frame, name) for name in (*names, "up")}


def test_the_legacy_association_needs_an_online_model(
    streams, weights, frames, monkeypatch
):
    with pytest.raises(ConfigError, match=r"needs vectors and boxes .* has none"):
        StreamSegmenter(weights("esam"), association="legacy")
    with pytest.raises(
        ConfigError, match=r"tracker's vectors and boxes .*_tracking.py"
    ):
        StreamSegmenter(weights("esam"), association="tracking")
    stream = streams["online"]
    monkeypatch.setattr(stream, "rule", RULES["legacy"])
    found = list(stream.stream(frames[:2]))
    ids = np.concatenate([one.instances.tracks for one in found])
    assert len(stream.tracks) == len(np.unique(ids)) > 0


def test_single_view_weights_are_no_online_model(weights, online_weights):
    config = next(online_weights.parent.glob("*.py"))
    with pytest.raises(
        CheckpointError, match=r"(?s)memory\.conv_d1.*Leave --config out"
    ):
        StreamSegmenter(weights("esam"), config)


def test_an_association_that_nobody_knows_is_refused(weights):
    with pytest.raises(ValueError, match="'boxes'"):
        StreamSegmenter(weights("esam"), association="boxes")


def moved(frame, metres: float):
    pose = frame.cam2world.copy()
    pose[0, 3] += metres
    return frame._replace(cam2world=pose)


def nan_pose(frame):
    return frame._replace(cam2world=np.full((4, 4), np.nan))


def blind(frame):
    return frame._replace(depth=np.zeros_like(frame.depth))


def nan_depth(frame):
    depth = frame.depth.copy()
    depth[3, 5] = np.nan
    return frame._replace(depth=depth)


BAD = {
    "pose": (lambda f: f._replace(cam2world=None), "has no pose"),
    "nan": (nan_pose, "contains nan"),
    "scaled": (lambda f: f._replace(cam2world=2 * f.cam2world), "not rigid"),
    "blind": (blind, "depth is empty"),
    "depth": (nan_depth, r"`depth` must be finite, got nan at index \(3, 5\)"),
    "K": (lambda f: f._replace(K=None, K_depth=None), "has no intrinsics"),
    "jump": (lambda f: moved(f, 10), r"jumps (9|1\d)\.\d m"),
    "early": (lambda f: f._replace(timestamp=0.5), r"is of 0\.500000 s, and the last"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_frame_changes_nothing_and_is_counted(objects, frames, what):
    spoil, message = BAD[what]
    timed = [f._replace(timestamp=1.0 + i) for i, f in enumerate(frames)]
    bad = spoil(timed[1])._replace(name="bad")
    objects.step(timed[0].color, **frame_arguments(timed[0]))
    before = [array.copy() for array in state(objects)]
    with pytest.raises(ValueError, match=message):
        objects.step(bad.color, **frame_arguments(bad))
    assert equal(state(objects), before)


def test_all_good_frames_are_as_if_the_bad_ones_had_not_been(objects, frames):
    expected = list(objects.stream(frames[:2]))
    found = list(
        objects.stream([blind(frames[1])._replace(name="b"), frames[0], frames[1]])
    )
    assert all(map(same, found, expected)) and list(objects.skipped) == ["b"]


def test_a_tracking_that_starts_elsewhere_is_followed(objects, frames):
    """One frame is lost where the world jumps; the next ones make new instances."""
    elsewhere = [moved(frame, 20)._replace(name=f"e{frame.name}") for frame in frames]
    found = list(objects.stream([frames[0], *elsewhere]))
    assert list(objects.skipped) == [elsewhere[0].name] and len(found) == 3


def test_one_frame_that_jumps_costs_no_other(objects, frames):
    """Nor does one whose clock is far ahead: the next ones follow each other."""
    wrong = moved(frames[1], 20)._replace(name="wrong")
    expected = list(objects.stream(frames[:2]))
    assert all(map(same, objects.stream([frames[0], wrong, frames[1]]), expected))
    assert list(objects.skipped) == ["wrong"]
    times = 1.0, 1e9, 2.0, 3.0
    clocked = [
        frames[0]._replace(name=f"{place}", timestamp=time)
        for place, time in enumerate(times)
    ]
    assert len(list(objects.stream(clocked))) == 3
    assert list(objects.skipped) == ["2"]  # the first one after the clock went back


def test_a_stream_of_nothing_has_an_empty_table(objects, frames, monkeypatch):
    monkeypatch.setattr(objects, "least_score", 1.0)
    (found,) = objects.stream(frames[:1])
    assert found.instances.masks.shape == (0, *frames[0].depth.shape)
    scene = objects.scene()
    assert scene.table == () and (scene.ids == -1).all() and len(scene.points)


def test_cameras_may_change(objects, frames):
    """Each frame stands by itself; objects keep their ids at half the resolution."""
    first, small = frames[0], halved(frames[0])
    found = list(objects.stream([first, small]))
    assert found[1].instances.masks.shape[1:] == small.depth.shape
    before, after = (set(one.instances.tracks.tolist()) for one in found)
    assert len(before & after) > 2 and not objects.skipped


def test_a_camera_that_stands_still_finds_nothing_new(objects, frames):
    found, sizes = [], []
    for one in objects.stream([frames[0]] * 4):
        found.append(one)
        sizes.append(len(objects.map))
    assert all(same(one, found[0]) for one in found)
    assert len(objects.tracks) == 6 and len(set(sizes)) == 1


def test_a_frame_is_the_next_step(objects, frames):
    expected = list(objects.stream(frames[:2]))
    objects.reset()
    for frame, wanted in zip(frames, expected):
        found = objects.frame(frame.color, **frame_arguments(frame))
        assert same(found, wanted)


def test_a_state_of_other_options_is_refused(streams, frames, tmp_path):
    single, online = streams["single"], streams["online"]
    single.save(tmp_path / "s.npz")
    with pytest.raises(ValueError, match=r"s\.npz was saved with other weights"):
        online.load(tmp_path / "s.npz")
    arrays = dict(np.load(tmp_path / "s.npz"))
    del arrays["tracks.counts"]
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(ValueError, match=r"s\.npz has no tracks\.counts: another ver"):
        single.load(tmp_path / "s.npz")
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        single.load(tmp_path / "none.npz")
