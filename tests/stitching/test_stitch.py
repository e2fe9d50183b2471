"""Chunks of a known world put together: exactly, in spite of noise, and of one lie."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.stitching.worlds import depth_of, tour, true_matcher, world
from vantage3d.evaluation.pose_metrics import absolute_pose_errors, align_poses
from vantage3d.stitching.stitch import stitch
from vantage3d.synthetic.disturbed import Disturbance

NOISY = Disturbance(turn_deg=0.15, shift=0.002, scale=0.004, field=0.02, noise=0.01)
FRAMES, SIZE, OVERLAP = 100, 16, 6


@pytest.fixture(scope="module")
def poses():
    """A walk that comes back to where it began and goes a bit on."""
    return tour(FRAMES, 1.15)


def put_together(model, folder, matcher=None, frames=FRAMES, identity="a box"):
    return stitch(model, frames, folder, identity, matcher, SIZE, OVERLAP)


def ate(found, truth, kept=slice(None)):
    aligned = align_poses(found[kept], truth[kept])
    return absolute_pose_errors(aligned, truth[kept]).rmse()[0]


@pytest.mark.parametrize("closed", [False, True])
def test_exact_chunks_in_unknown_worlds(poses, tmp_path, closed):
    matcher = true_matcher(poses) if closed else None
    found = put_together(world(poses), tmp_path, matcher)
    kinds = {edge.kind for edge in found.edges}
    assert kinds == ({"overlap", "loop"} if closed else {"overlap"})
    assert ate(found.cam2world, poses) < 1e-6 and found.reliable.all()
    first = found.cam2world[0, :3, 3]
    unit = np.linalg.norm(found.cam2world[50, :3, 3] - first)
    unit /= np.linalg.norm(poses[50, :3, 3] - poses[0, :3, 3])
    for frame in found.frames():
        truth = unit * depth_of(poses[frame.number])
        np.testing.assert_allclose(frame.depth, truth, rtol=1e-6)


def test_a_closed_loop_halves_the_error(poses, tmp_path):
    model = world(poses, NOISY)
    open_, closed = (
        put_together(model, tmp_path, matcher)
        for matcher in (None, true_matcher(poses))
    )
    assert ate(closed.cam2world, poses) < 0.5 * ate(open_.cam2world, poses)


def liar(model, start):
    """The model, but nonsense for the chunk that begins at a frame."""

    def answer(frames):
        chunk = model(frames)
        if frames[0] != start:
            return chunk
        rng = np.random.default_rng(0)
        cam2world = np.tile(np.eye(4), (len(frames), 1, 1))
        cam2world[:, :3, :3] = Rotation.random(len(frames), random_state=1).as_matrix()
        cam2world[:, :3, 3] = rng.normal(0, 5, (len(frames), 3))
        depth = chunk.depth * np.exp(rng.normal(0, 1, chunk.depth.shape))
        return replace(chunk, depth=depth, cam2world=cam2world)

    return answer


def test_a_chunk_of_nonsense_is_bridged_and_named(poses, tmp_path):
    model, matcher = world(poses, NOISY), true_matcher(poses)
    honest = put_together(model, tmp_path / "honest", matcher)
    start = honest.folder.ranges[4].start
    found = put_together(liar(model, start), tmp_path / "lied", matcher)
    assert [e[:2] for e in found.edges if e.kind == "bridge"] == [(3, 5)]
    # its frames that no other chunk has are named, all others stay as good
    own = np.flatnonzero(~found.reliable)
    assert own.tolist() == list(range(start + OVERLAP, start + SIZE - OVERLAP))
    kept = found.reliable
    assert ate(found.cam2world, poses, kept) < 1.5 * ate(honest.cam2world, poses, kept)


def test_a_killed_run_goes_on(poses, tmp_path):
    model = world(poses)
    asked = []

    def dies(frames):
        asked.append(frames[0])
        if len(asked) == 4:
            raise KeyboardInterrupt
        return model(frames)

    with pytest.raises(KeyboardInterrupt):
        put_together(dies, tmp_path)
    put_together(dies, tmp_path)
    assert len(asked) == len(set(asked)) + 1  # the one that was cut off, twice
    whole = put_together(model, tmp_path / "whole")
    again = put_together(None, tmp_path)  # nothing is predicted any more
    np.testing.assert_array_equal(again.cam2world, whole.cam2world)


def test_a_damaged_chunk_and_another_run(poses, tmp_path):
    model = world(poses[:30])
    put_together(model, tmp_path, frames=30)
    with pytest.raises(ValueError, match=r"identity was a box, now it is a ball"):
        put_together(model, tmp_path, frames=30, identity="a ball")
    file = tmp_path / "chunk_00001.npz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"chunk .*chunk_00001.npz.*predicts it again"):
        put_together(model, tmp_path, frames=30)


def test_what_a_model_may_not_say(poses, tmp_path):
    model = world(poses)
    with pytest.raises(ValueError, match=r"asked for 16 frames .* and returned 3"):
        put_together(lambda frames: model(frames[:3]), tmp_path)
    chunk = model([0, 1])
    holes = chunk.depth * [[[1.0]], [[np.nan]]]
    with pytest.raises(ValueError, match=r"`depth` must be finite, got nan at index"):
        replace(chunk, depth=holes)
    with pytest.raises(ValueError, match=r"`conf` must not be negative, got -2\.0"):
        replace(chunk, conf=chunk.conf * 0 - 2)
    with pytest.raises(ValueError, match=r"`overlap` must be between 1 and .*, got 16"):
        stitch(model, FRAMES, tmp_path, "", None, SIZE, SIZE)
