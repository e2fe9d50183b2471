"""The hooks on data samples as the pipeline and the model leave them."""

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, PointData
from PIL import Image

from tests.visualization.frames import room_frame
from vantage3d.registry import HOOKS
from vantage3d.visualization import FrameResult


def batch_of(frame: FrameResult, folder) -> tuple[dict, list[Det3DDataSample]]:
    """``frame`` as a data batch and its prediction."""
    path = folder / f"{frame.name}.png"
    Image.fromarray(frame.image).save(path)
    sample = Det3DDataSample()
    meta = {"sample_idx": 0, "img_path": str(path), "pixels": frame.pixels}
    meta |= {"cam2img": frame.K.tolist(), "pose": frame.cam2world.tolist()}
    sample.set_metainfo(meta)
    things = np.where(frame.gt_instances >= 0, frame.gt_instances + 2, -1)
    things[np.flatnonzero(things < 0)[::2]] = 1
    sample.eval_ann_info = {"pts_instance_mask": things, "lidar_idx": frame.name}
    sample.pred_pts_seg = PointData(
        pts_instance_mask=[frame.pred_masks],
        instance_scores=frame.pred_scores,
        instance_labels=np.zeros(len(frame.pred_scores), int),
    )
    colours = torch.zeros(len(frame.points), 3)
    points = torch.cat([torch.from_numpy(frame.points), colours], 1)
    return {"inputs": {"points": [points]}}, [sample]


def run_test(hook, batches: list, work_dir) -> None:
    """The calls that a test loop makes."""
    runner = SimpleNamespace(test_dataloader=batches, work_dir=str(work_dir))
    hook.before_test(runner)
    for index, (data_batch, outputs) in enumerate(batches):
        hook.after_test_iter(runner, index, data_batch, outputs)
    hook.after_test(runner)


@pytest.fixture(scope="module")
def frames():
    return [room_frame(seed) for seed in range(3)]


def test_files_are_written(frames, tmp_path):
    pytest.importorskip("rerun")
    hook = HOOKS.build({"type": "InstanceVisualizationHook", "num_frames": 2})
    batches = [batch_of(frame, tmp_path) for frame in frames]
    run_test(hook, batches, tmp_path)
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["instances.png", "instances.rrd"]
    assert [frame.name for frame in hook.kept] == ["room0_0", "room2_0"]
    for key, value in vars(frames[0]).items():
        got = getattr(hook.kept[0], key)
        np.testing.assert_array_equal(got, value, err_msg=key)


def test_more_frames_than_batches_and_another_folder(frames, tmp_path):
    out_dir = tmp_path / "elsewhere"
    options = {"num_frames": 5, "recording": False, "out_dir": str(out_dir)}
    hook = HOOKS.build({"type": "InstanceVisualizationHook", **options})
    run_test(hook, [batch_of(frame, tmp_path) for frame in frames[:2]], tmp_path)
    assert len(hook.kept) == 2
    assert [path.name for path in out_dir.iterdir()] == ["instances.png"]


def test_points_are_drawn_where_the_colour_camera_sees_them(frames, tmp_path):
    """The frame as filmed by its colour camera, with a depth camera 5 cm beside it."""
    frame, between = frames[0], np.eye(4)
    between[:3, 3] = -0.05, 0.01, 0.02
    data_batch, (sample,) = batch_of(frame, tmp_path)
    meta = {"color_cam2img": frame.K.tolist(), "color_shape": frame.image.shape[:2]}
    meta |= {"depth2color": between.tolist(), "pose": frame.cam2world @ between}
    meta |= {"pixels": 0 * frame.pixels, "cam2img": 2 * frame.K, "img_shape": (5, 8)}
    sample.set_metainfo(meta)
    hook = HOOKS.build({"type": "InstanceVisualizationHook", "recording": False})
    run_test(hook, [(data_batch, [sample])], tmp_path)
    (drawn,) = hook.kept
    for key in ("image", "pixels", "K"):
        np.testing.assert_array_equal(getattr(drawn, key), getattr(frame, key))
    np.testing.assert_allclose(drawn.cam2world, frame.cam2world, atol=1e-12)


def test_samples_without_a_camera_are_named_and_left_out(frames, tmp_path, monkeypatch):
    data_batch, (sample,) = batch_of(frames[0], tmp_path)
    bare = Det3DDataSample()
    bare.set_metainfo({"pose": np.eye(4)})
    bare.eval_ann_info, bare.pred_pts_seg = sample.eval_ann_info, sample.pred_pts_seg
    options = {"num_frames": 1, "recording": False}
    hook = HOOKS.build({"type": "InstanceVisualizationHook", **options})
    messages = []
    module = sys.modules[type(hook).__module__]
    monkeypatch.setattr(module, "print_log", lambda text, _: messages.append(text))
    run_test(hook, [(data_batch, [bare])], tmp_path)
    assert not (tmp_path / "pictures").exists()
    (message,) = messages
    assert "room0_0 is not drawn" in message
    assert "['img_path', 'pixels', 'cam2img']" in message


def test_number_of_frames_must_be_positive():
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        HOOKS.build({"type": "InstanceVisualizationHook", "num_frames": 0})


@pytest.fixture
def hook_and_messages(monkeypatch):
    """A hook for one frame, and what it logs."""
    options = {"num_frames": 1, "recording": False}
    hook = HOOKS.build({"type": "InstanceVisualizationHook", **options})
    messages = []
    module = sys.modules[type(hook).__module__]
    monkeypatch.setattr(module, "print_log", lambda text, _: messages.append(text))
    return hook, messages


@pytest.mark.parametrize("factor", [0.5, 2.025])
def test_a_colour_file_of_another_size_is_drawn_on_the_depth_grid(
    frames, tmp_path, hook_and_messages, factor
):
    """A ramp whose value is the pixel centre: half-pixel rule, both directions."""
    batch = batch_of(frames[0], tmp_path)
    width, height = round(320 * factor), round(240 * factor)
    centres = (np.arange(width) + 0.5) / factor - 0.5
    ramp = np.round(np.tile(centres[None, :, None] * 0.77, (height, 1, 3)))
    meta = batch[1][0].metainfo
    Image.fromarray(ramp.astype(np.uint8)).save(meta["img_path"])
    batch[1][0].set_metainfo({"img_shape": [240, 320]})
    hook, _ = hook_and_messages
    run_test(hook, [batch], tmp_path)
    (frame,) = hook.kept
    assert frame.image.shape == (240, 320, 3)
    error = frame.image[:, 4:-4, 0] - np.arange(320)[4:-4] * 0.77
    assert np.abs(error).max() <= 1
    assert abs(error.mean()) < 0.1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), r"colour image .*room0_0\.png is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:999]), "is truncated"),
        (
            lambda path: Image.open(path).resize((32, 24)).save(path),
            "lies outside the image of 32x24",
        ),
    ],
)
def test_a_broken_colour_file_costs_its_picture_only(
    frames, tmp_path, hook_and_messages, damage, message
):
    batch = batch_of(frames[0], tmp_path)
    damage(tmp_path / "room0_0.png")
    hook, messages = hook_and_messages
    run_test(hook, [batch], tmp_path)
    assert hook.kept == []
    (text,) = messages
    assert re.match(f"Sample room0_0 is not drawn: .*{message}", text)
