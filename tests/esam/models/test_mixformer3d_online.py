"""The online detector: the single-view one, and what it remembers."""

import csv

import numpy as np
import pytest
import torch
from mmengine import Config

from tests.esam.models.scenes import batch, frame, model_config, narrow_model
from tests.shared import ROOT, need
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.engine.errors import CheckpointError
from vantage3d.esam.models import ScanNet200MixFormer3D_Online
from vantage3d.registry import MODELS

LEVELS = (8, 8, 16, 16)
ONLINE = {
    "memory": {"type": "MultilevelMemory", "in_channels": LEVELS},
    "merge_head": {
        "type": "MergeHead",
        "in_channels": 16,
        "out_channels": 12,
        "norm": "layer",
    },
    "merge_criterion": {"type": "ScanNetMergeCriterion_Fast"},
}


def online_model(seed: int = 0, **changes) -> ScanNet200MixFormer3D_Online:
    """A narrow detector with boxes, weights from ``seed``."""
    config = model_config()
    config["decoder"]["bbox_flag"] = True
    instances = config["criterion"]["inst_criterion"]
    instances["bbox_loss"] = {"type": "AxisAlignedIoULoss"}
    instances["loss_weight"] = [0.5, 1.0, 1.0, 0.5, 0.5]
    torch.manual_seed(seed)
    return ScanNet200MixFormer3D_Online(**{**config, **ONLINE, **changes})


def trained(model: ScanNet200MixFormer3D_Online) -> ScanNet200MixFormer3D_Online:
    """As if its memory had learnt something."""
    for _, norm in model.memory.conv_convert:
        torch.nn.init.constant_(norm.bn.weight, 0.5)
    return model.eval()


def step(model, *frames) -> list:
    data = model.data_preprocessor(batch(*frames))
    return [sample.pred_pts_seg for sample in model.step(**data)]


def equal(found, other) -> bool:
    same = np.array_equal(found.pts_instance_mask[0], other.pts_instance_mask[0])
    return same and np.array_equal(found.instance_scores, other.instance_scores)


def test_names_shapes_and_types_are_those_of_the_release():
    with need("specs/esam_online_state_dict.tsv").open() as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    config = Config.fromfile(ROOT / "configs/_base_/models/esam_online.py")
    with torch.device("meta"):
        model = MODELS.build(config.model)
    got = {
        name: (
            str(tensor.dtype).removeprefix("torch."),
            "x".join(map(str, tensor.shape)) or "scalar",
        )
        for name, tensor in model.state_dict().items()
    }
    assert got == {row["name"]: (row["dtype"], row["shape"]) for row in table}
    assert len(got) == 553
    assert sum(p.numel() for p in model.parameters()) == 46_755_729


def test_one_frame_is_that_of_the_single_view_detector():
    """Bit for bit, as long as the memory has learnt nothing."""
    model, single = online_model().eval(), narrow_model().eval()
    state = model.state_dict()
    single.load_state_dict({name: state[name] for name in single.state_dict()})
    alone = frame(0, 900)
    expected = single.predict(**single.data_preprocessor(batch(alone)))[0].pred_pts_seg
    (found,) = step(model, alone)
    assert len(expected.instance_scores)
    assert equal(found, expected)
    assert np.array_equal(found.pts_semantic_mask[0], expected.pts_semantic_mask[0])


def test_a_step_remembers_and_a_prediction_does_not():
    model, first, second = trained(online_model()), frame(0, 900), frame(1, 700)
    (fresh,) = step(model, second)
    model.reset()
    step(model, first)
    (used,) = step(model, second)
    assert not equal(used, fresh)
    predicted = model.predict(**model.data_preprocessor(batch(first, second)))
    assert equal(predicted[1].pred_pts_seg, fresh)
    (after,) = step(model, second)
    assert equal(after, fresh)


def test_scenes_of_a_batch_have_memories_of_their_own():
    model = trained(online_model())
    scenes = [[frame(0, 900), frame(1, 700)], [frame(2, 500, 2), frame(3, 800, 2)]]
    together = [step(model, *pair) for pair in zip(*scenes)][1]
    for scene, found in zip(scenes, together):
        model.reset()
        alone = [step(model, one)[0] for one in scene][1]
        np.testing.assert_allclose(
            found.instance_scores, alone.instance_scores, rtol=1e-4
        )
        np.testing.assert_array_equal(
            found.pts_instance_mask[0], alone.pts_instance_mask[0]
        )


def test_a_step_gives_vectors_and_boxes_of_its_instances():
    points, sample = frame(0, 900)
    (found,) = step(online_model().eval(), (points, sample))
    number = len(found.instance_scores)
    assert found.instance_feats.shape == (number, 12)
    np.testing.assert_allclose(
        np.linalg.norm(found.instance_feats, axis=1), 1, rtol=1e-5
    )
    low, high = found.instance_boxes[:, :3], found.instance_boxes[:, 3:]
    assert (high > low).all()
    superpoints = sample.gt_pts_seg.sp_pts_mask
    for query, middle in zip(found.instance_queries, (low + high) / 2):
        centre = points[superpoints == query, :3].mean(0).numpy()
        assert np.abs(middle - centre).max() < 2  # an offset from its superpoint


def sequence() -> tuple[list, list]:
    """Three frames of two scenes, unequal in points, over the same instances."""
    inputs, samples = [], []
    for seed in range(3):
        pair = [frame(seed + scene, 300 + 100 * seed, 3 - scene) for scene in (0, 1)]
        for number, (_, sample) in zip((3, 2), pair):
            boxes = torch.zeros(len(sample.gt_instances_3d.labels_3d), 6)
            boxes[:number] = torch.tensor([0.5, 0.5, 0.5, 1, 1, 1])
            boxes[:number, 0] += 1.5 * torch.arange(number)
            sample.gt_instances_3d.bboxes_3d = boxes
        data = batch(*pair)
        inputs.append(data["inputs"])
        samples.append(data["data_samples"])
    return inputs, samples


def test_losses_are_sums_over_frames_and_reach_every_part():
    model, (inputs, samples) = online_model(), sequence()
    torch.manual_seed(0)
    losses = model(inputs, samples, mode="loss")
    assert set(losses) == {"inst_loss", "seg_loss", "merge_loss_tmp"}
    torch.manual_seed(0)
    each = [model.frame_losses(*one)[0] for one in zip(inputs, samples)]
    for name in ("inst_loss", "seg_loss"):
        torch.testing.assert_close(losses[name], sum(one[name] for one in each))
    sum(losses.values()).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert not silent
    assert model.memory.conv_convert[0][1].bn.weight.grad.abs().sum() > 0


def test_a_sequence_begins_with_nothing():
    model, (inputs, samples) = online_model(), sequence()
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        losses.append(model.loss(inputs, samples))
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tta": True}, "`tta` turns every frame"),
        (
            {"memory": {"type": "MultilevelMemory"}},
            r"\(32, 64, 128, 256\) needs a backbone .*got channels \(8, 8, 16, 16\)",
        ),
    ],
)
def test_wrong_options(changes, message):
    with pytest.raises(ValueError, match=message):
        online_model(**changes)


def test_checkpoints_of_other_kinds_are_refused():
    """Of a single-view model, and of the other norm in the merge head."""
    model, single = online_model(), narrow_model()
    with pytest.raises(CheckpointError, match=r"memory\.conv_d1"):
        load_weights(model, {"state_dict": single.state_dict()}, "sv.pth")
    other = online_model(merge_head={**ONLINE["merge_head"], "norm": "batch"})
    with pytest.raises(CheckpointError, match=r"merge_head\.net\.1\.running_mean"):
        load_weights(model, {"state_dict": other.state_dict()}, "batch.pth")
    with pytest.raises(CheckpointError, match=r"merge_head\.net\.1\.running_mean"):
        load_weights(other, {"state_dict": model.state_dict()}, "layer.pth")
