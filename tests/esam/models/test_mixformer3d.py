"""The single-view detector from a batch to losses and predictions."""

import copy
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from tests.esam.models.scenes import N_SEM, batch, frame, model_config, narrow_model
from vantage3d.esam.models import ScanNet200MixFormer3D
from vantage3d.registry import MODELS


def run(model, data, mode):
    return model(**model.data_preprocessor(data, training=mode == "loss"), mode=mode)


def unequal():
    """Two frames that differ in points, superpoints and instances."""
    return [frame(0, 900, 3), frame(1, 400, 2)]


def without_instances(num_points=300):
    points, sample = frame(2, num_points)
    sample.gt_pts_seg.pts_instance_mask.fill_(-1)
    instances = sample.gt_instances_3d
    instances = type(instances)(
        labels_3d=instances.labels_3d[3:], sp_masks=instances.sp_masks[3:]
    )
    sample.gt_instances_3d = instances
    return points, sample


def test_builds_from_the_registry():
    model = MODELS.build({"type": "ScanNet200MixFormer3D", **model_config()})
    assert isinstance(model, ScanNet200MixFormer3D)


def test_predictions_are_arrays_over_the_points_of_each_sample():
    out = run(narrow_model().eval(), batch(*unequal()), "predict")
    for sample, number in zip(out, (900, 400)):
        pred = sample.pred_pts_seg
        masks, semantic = pred.pts_instance_mask[0], pred.pts_semantic_mask[0]
        count = len(pred.instance_scores)
        assert masks.shape == (count, number)
        assert masks.dtype == bool
        assert len(pred.instance_labels) == count > 0
        assert semantic.shape == (number,)
        assert semantic.min() >= 0
        assert semantic.max() < N_SEM
        assert not sample.gt_instances_3d.sp_masks.requires_grad


def test_batch_of_unequal_samples_equals_each_alone():
    model, frames = narrow_model().eval(), unequal()
    both = run(model, batch(*frames), "tensor")
    predicted = run(model, batch(*frames), "predict")
    for i, single in enumerate(frames):
        alone = run(model, batch(single), "tensor")
        for key in ("cls_preds", "masks", "sem_preds"):
            torch.testing.assert_close(both[key][i], alone[key][0])
        again = run(model, batch(single), "predict")[0].pred_pts_seg
        got = predicted[i].pred_pts_seg
        np.testing.assert_allclose(
            got.instance_scores, again.instance_scores, rtol=1e-4
        )
        np.testing.assert_array_equal(
            got.pts_instance_mask[0], again.pts_instance_mask[0]
        )


def test_loss_leaves_the_data_samples_as_they_were():
    data = batch(*unequal())
    before = copy.deepcopy(data)
    model = narrow_model()
    for _ in range(2):
        run(model, data, "loss")
    for old, new in zip(before["data_samples"], data["data_samples"]):
        for field in ("gt_pts_seg", "gt_instances_3d"):
            for key, value in old.get(field).items():
                assert torch.equal(value, new.get(field)[key]), key


def test_losses_repeat_under_one_seed_and_vary_with_the_queries():
    model, data = narrow_model().eval(), batch(*unequal())

    def losses(seed):
        torch.manual_seed(seed)
        return [float(x.detach()) for x in run(model, data, "loss").values()]

    assert losses(0) == losses(0)
    assert losses(0) != losses(1)


@pytest.mark.parametrize("empty", [1, 2])
def test_frames_without_instances_train_with_gradients_everywhere(empty):
    frames = [without_instances()] * empty + unequal()[: 2 - empty]
    model = narrow_model()
    losses = run(model, batch(*frames), "loss")
    assert set(losses) == {"inst_loss", "seg_loss"}
    assert all(loss.requires_grad for loss in losses.values())
    sum(losses.values()).backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None]
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_elastic_coordinates_replace_the_positions():
    model, (points, sample) = narrow_model().eval(), frame(0, 500)
    data = batch((points, sample))
    plain = run(model, data, "tensor")
    data["inputs"]["elastic_coords"] = [points[:, :3].double() / model.voxel_size]
    same = run(model, data, "tensor")
    torch.testing.assert_close(same["cls_preds"], plain["cls_preds"])
    data["inputs"]["elastic_coords"] = [points[:, :3].flip(1) / model.voxel_size]
    other = run(model, data, "tensor")
    assert not torch.allclose(other["cls_preds"][0], plain["cls_preds"][0])


def test_class_aware_without_box_loss_trains():
    config = model_config(num_classes=2)
    config["decoder"]["num_instance_classes"] = 2
    config["criterion"]["inst_criterion"]["num_classes"] = 2
    model = ScanNet200MixFormer3D(**config)
    assert all(
        loss.isfinite() for loss in run(model, batch(*unequal()), "loss").values()
    )


@pytest.mark.parametrize(("last", "steps"), [("P", 60), ("SP", 150)])
def test_a_short_training_finds_the_boxes(last, steps):
    """Overfits one frame: every box is predicted with IoU above 0.9."""
    config = model_config()
    config["decoder"]["mask_pred_mode"] = ["SP", "SP", "SP", last]
    torch.manual_seed(0)
    model, data = ScanNet200MixFormer3D(**config), batch(frame(0, 600, 2))
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        sum(run(model, data, "loss").values()).backward()
        optimizer.step()
    pred = run(model.eval(), data, "predict")[0].pred_pts_seg
    instance = data["data_samples"][0].gt_pts_seg.pts_instance_mask.numpy()
    best = pred.pts_instance_mask[0][:2]
    sample = data["data_samples"][0]
    ids = sample.gt_pts_seg.sp_pts_mask.numpy()
    for box in range(2):
        truth = instance == box
        if last == "SP":  # masks are unions of superpoints
            truth = sample.gt_instances_3d.sp_masks[box].numpy()[ids]
        overlap = [(m & truth).sum() / (m | truth).sum() for m in best]
        assert max(overlap) > 0.9


@pytest.mark.minkowski
def test_both_engines_predict_the_same():
    if find_spec("MinkowskiEngine") is None:
        pytest.skip("MinkowskiEngine is not installed")
    config = model_config()
    config["backbone"]["backend"] = "minkowski"
    ours, other = narrow_model().eval(), ScanNet200MixFormer3D(**config).eval()
    other.load_state_dict(ours.state_dict())
    data = batch(*unequal())
    for key in ("masks", "cls_preds", "sem_preds"):
        pairs = zip(run(ours, data, "tensor")[key], run(other, data, "tensor")[key])
        for a, b in pairs:
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.bitwise
def test_training_repeats_bitwise():
    def weights():
        model, data = narrow_model(), batch(*unequal())
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
        for _ in range(3):
            optimizer.zero_grad()
            sum(run(model, data, "loss").values()).backward()
            optimizer.step()
        return model.state_dict()

    first, second = weights(), weights()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_bf16_autocast_stays_close():
    model, data = narrow_model().eval(), batch(*unequal())
    plain = run(model, data, "tensor")["masks"][0]
    with torch.autocast("cpu", torch.bfloat16):
        low = run(model, data, "tensor")["masks"][0]
        losses = run(model.train(), data, "loss")
    assert (low - plain).abs().max() < 0.1 * plain.abs().max()
    assert all(loss.dtype == torch.float32 for loss in losses.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query_thr": 0}, r"in \(0, 1\], got 0"),
        ({"num_classes": 7}, "num_instance_classes 1, got 7"),
        ({"test_cfg": {"stuff_classes": [0]}}, r"unknown options \['stuff_classes'\]"),
    ],
)
def test_wrong_options(changes, message):
    with pytest.raises(ValueError, match=message):
        narrow_model(**changes)


def test_unknown_mode():
    with pytest.raises(ValueError, match="got 'train'"):
        run(narrow_model(), batch(frame(0, 300)), "train")
