"""Prediction without labels: what training reads, from files that have none."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from tests.inference.conftest import room, segmenter, weights
from tests.inference.trained import work_dir
from vantage3d.converters.recordings import RecordingSource
from vantage3d.engine.errors import ConfigError
from vantage3d.esam import RGBDSegmenter
from vantage3d.esam.converters.rgbd_folder import RgbdFolderLabeller
from vantage3d.esam.converters.samples import SampleName, make_sample
from vantage3d.esam.converters.segmenters import SegmenterOptions, build_segmenter
from vantage3d.esam.datasets.loading import GRID_KEYS
from vantage3d.esam.inference import halve
from vantage3d.inference import InputFrame, open_footage
from vantage3d.recordings.detection import open_recording
from vantage3d.registry import MODELS

__all__ = ["room", "segmenter", "weights"]


@pytest.mark.parametrize("layout", ["rgbd_folder", "rgbd_two_cameras"])
def test_points_are_those_that_the_converter_writes(segmenter, filmed, layout):
    """Same frame, same seed: points, superpoints and pose to the last bit."""
    root, scene = filmed(layout), "scene0000_00"
    labeller = RgbdFolderLabeller(RecordingSource(open_recording(root)))
    options = build_segmenter(SegmenterOptions())
    name = SampleName(scene, "20")
    arrays, entry, _ = make_sample(labeller, name, options, segmenter.num_points, 0)
    frames = {frame.name: frame for frame in open_footage(root, scene)}
    frame = frames["20"]._replace(name=name.idx)
    drawn = segmenter._draw(frame, segmenter._view(frame))
    points = drawn["points"].tensor.numpy()
    assert np.array_equal(points, arrays["points"].astype(np.float32))
    assert np.array_equal(drawn["sp_pts_mask"], arrays["super_points"])
    assert np.array_equal(drawn["pixels"], arrays["pixels"])
    assert np.array_equal(drawn["pose"], np.array(entry["pose"]))


def test_a_pixel_of_a_point_has_the_mask_of_the_point(segmenter, room):
    frame = next(iter(open_footage(room)))
    found = next(segmenter.stream([frame])).instances
    view = segmenter._view(frame)
    drawn = segmenter._draw(frame, view)
    batch = {"inputs": {"points": []}, "data_samples": []}
    ready = segmenter.pipeline(dict(drawn))
    batch["inputs"]["points"].append(ready["inputs"]["points"])
    batch["data_samples"].append(ready["data_samples"])
    data = segmenter.model.data_preprocessor(batch, training=False)
    (sample,) = segmenter.model(**data, mode="predict")
    x, y = drawn["pixels"].T
    of_points = sample.pred_pts_seg
    order = np.argsort(-of_points.instance_scores, kind="stable")
    expected = of_points.pts_instance_mask[0][order]
    assert np.array_equal(found.masks[:, y, x], expected)
    assert np.array_equal(found.semantics[y, x], of_points.pts_semantic_mask[0])
    assert len(expected) and found.classes == ("object",)
    assert not found.masks[:, frame.depth == 0].any()


def test_voxels_in_half_precision(segmenter, weights, room, monkeypatch):
    known = {"avx512_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    half = RGBDSegmenter(weights("esam"), device="cpu", num_points=2000, bf16=True)
    frame = next(iter(open_footage(room)))
    feats = []
    for one in (segmenter, half):
        data = one._batch([one._draw(frame, one._view(frame))])
        with torch.no_grad():
            feats.append(one.model.extract_feat(**data).voxels.features)
    exact, rough = feats
    assert rough.dtype == torch.float32
    assert 1e-5 < (rough - exact).norm() / exact.norm() < 0.02
    assert segmenter.key != half.key


def test_half_precision_that_would_be_slow_is_refused(weights, monkeypatch):
    known = {"cpu_name": "Old Xeon", "avx512_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    with pytest.raises(ValueError, match=r"one of \['avx512_bf16'.*, got Old Xeon"):
        RGBDSegmenter(weights("esam"), device="cpu", bf16=True)
    backbone = SimpleNamespace(engine=SimpleNamespace(name="minkowski"))
    with pytest.raises(ValueError, match=r"backend=\"torch\", got 'minkowski'"):
        halve(backbone, "cpu")


def test_classes_are_those_of_the_dataset(segmenter, room):
    found = segmenter(room).frames[0].instances
    assert found.semantic_classes[:3] == ("wall", "floor", "chair")
    assert found.semantics.max() < 200 and len(found.semantic_classes) == 200
    assert found.superpoints.max() > 3


def test_a_frame_without_a_valid_pixel_is_left_out(segmenter, room):
    """The others of its batch are what they are alone."""
    first, second, third = open_footage(room)
    blind = second._replace(depth=np.zeros_like(second.depth))
    found = list(segmenter.stream([first, blind, third], batch_size=3))
    assert [one.name for one in found] == [first.name, third.name]
    assert np.array_equal(found[1].depth, third.depth)
    with pytest.raises(ValueError, match="the warning says why"):
        segmenter.frame(blind.color, blind.depth, blind.K)


def test_a_frame_of_arrays_needs_no_files_and_no_pose(segmenter, room):
    frame = next(iter(open_footage(room)))
    found = segmenter.frame(frame.color, frame.depth, frame.K)
    assert found.cam2world is None
    assert found.instances.masks.shape[1:] == frame.depth.shape
    assert isinstance(frame, InputFrame)


def test_points_stand_upright_in_any_world(segmenter, room):
    """A world turned about x gives the network the same points, for a known ``up``."""
    frame = next(iter(open_footage(room)))
    turned = np.eye(4)
    turned[1:3, 1:3] = [[0, -1], [1, 0]]  # z becomes -y
    other = frame._replace(
        cam2world=turned @ frame.cam2world, up=np.array((0.0, -1.0, 0.0))
    )
    view = segmenter._view(frame)
    points = segmenter._draw(frame, view)["points"].tensor
    again = segmenter._draw(other, view)["points"].tensor
    np.testing.assert_allclose(again[:, 2], points[:, 2], atol=1e-5)
    across = np.linalg.norm(points[:, :2], axis=1)
    np.testing.assert_allclose(np.linalg.norm(again[:, :2], axis=1), across, atol=1e-5)


def test_stored_features_are_computed_instead(room, tmp_path):
    """What a model of extracted features says, computed from the image by itself."""
    config = "ESAM_CA/ESAM_sv_synthetic_CA_clip_rn50_bifusion.py"
    source = "test_dataloader.dataset.pipeline.2.source.weights"
    path = work_dir(tmp_path / "w", config, {source: "random-seed-0"})
    segmenter = RGBDSegmenter(path, num_points=500)
    frame = next(iter(open_footage(room)))
    view = segmenter._view(frame)
    ready = segmenter.pipeline(segmenter._draw(frame, view))
    stored = MODELS.build(segmenter.trained.cfg.model).eval()
    stored.load_state_dict(segmenter.model.state_dict())
    outputs = []
    for model in (segmenter.model, stored):
        batch = pseudo_collate([ready])
        if model is stored:
            network = segmenter.model.image_features.backbone
            image = batch["inputs"].pop("img")[0]
            source = network.source((image.shape[2], image.shape[1]))
            batch["inputs"]["clip_pix"] = list(network(image[None]))
            grid = {key: getattr(source, key) for key in GRID_KEYS}
            batch["data_samples"][0].set_metainfo({"feat_grid": grid})
        with torch.no_grad():
            data = model.data_preprocessor(batch, training=False)
            outputs.append(model(**data, mode="tensor")["cls_preds"][0])
    torch.testing.assert_close(*outputs)


def test_features_of_a_network_that_is_not_here_are_refused(weights, tmp_path):
    config = "ESAM_CA/ESAM_sv_synthetic_CA_dino_inject.py"
    path = work_dir(tmp_path / "w", config)
    with pytest.raises(ConfigError, match="stored features of 'small_image_net'"):
        RGBDSegmenter(path)
