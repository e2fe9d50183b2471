"""The recipe acts: weights change every per-pixel term, the curriculum the facades'."""

import numpy as np
import pytest
import torch

from tests.vggt_lora.losses.batches import wave_batch
from tests.vggt_lora.losses.test_multi_task_loss import predictions
from tests.views.worlds import PlaneDataset
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.losses import CLASS_WEIGHTS, FacadeCurriculum
from vantage3d.views.frame import Frame

DENSE = dict(depth={}, point=dict(gradient_loss_fn="normal"))
TERMS = [f"loss_{part}_{name}" for name in DENSE for part in ("conf", "reg", "grad")]
BUILDING, ROAD, SKY = 11, 7, 23


def street(batch: dict) -> dict:
    """The batch with labels: sky above, buildings, road below; weights by class."""
    batch["semantics"][..., :12, :] = SKY
    batch["semantics"][..., 12:30, :] = BUILDING
    batch["semantics"][..., 30:, :] = ROAD
    for label, weight in CLASS_WEIGHTS.items():
        batch["pixel_weights"][batch["semantics"] == label] = weight
    return batch


def losses_of(batch: dict, progress: float = 0, **options) -> dict[str, float]:
    criterion = MODELS.build(dict(type="MultiTaskLoss", **DENSE, **options))
    found = criterion(predictions(batch), batch, progress)
    return {key: float(value) for key, value in found.items()}


def test_weights_of_the_recipe():
    expected = {11: 2.0, 12: 2.0, 34: 2.0, 7: 0.7, 26: 0.5, 27: 0.5, 28: 0.5, 23: 0.2}
    assert {label: CLASS_WEIGHTS[label] for label in expected} == expected
    assert not {8, 13, 21} & set(CLASS_WEIGHTS)  # sidewalk, fence, vegetation weigh 1


@pytest.mark.parametrize("label", CLASS_WEIGHTS)
def test_the_weight_of_each_class_changes_the_loss(label):
    """Through the dataset's table, with that class on a part of the image only."""
    batch = wave_batch()
    batch["semantics"][..., 15:35, 20:50] = label
    plain = losses_of(batch)
    labels = batch["semantics"][0, 0].numpy()
    seen = Frame(None, np.ones(labels.shape), None, None, labels)
    data = PlaneDataset(".", class_weights=CLASS_WEIGHTS)
    batch["pixel_weights"][:] = torch.from_numpy(data.pixel_weights(seen))
    weights = batch["pixel_weights"][batch["semantics"] == label].unique().tolist()
    assert weights == pytest.approx([CLASS_WEIGHTS[label]])
    weighted = losses_of(batch)
    for key in TERMS:
        assert abs(weighted[key] - plain[key]) > 1e-4 * abs(plain[key]), key


def test_class_weights_change_every_per_pixel_term():
    plain, weighted = losses_of(wave_batch()), losses_of(street(wave_batch()))
    for key in TERMS:
        assert abs(weighted[key] - plain[key]) > 1e-4 * abs(plain[key]), key


def test_only_ratios_of_weights_matter():
    batch, tenfold = street(wave_batch()), street(wave_batch())
    tenfold["pixel_weights"] *= 10
    assert losses_of(tenfold) == pytest.approx(losses_of(batch), rel=1e-5)


def test_the_weighted_residual_is_sum_by_sum():
    batch = street(wave_batch())
    criterion = MODELS.build(dict(type="MultiTaskLoss", depth=dict(valid_range=-1)))
    outputs = predictions(batch)
    found = criterion(outputs, batch)["loss_reg_depth"]
    valid = batch["valid"].numpy()
    truth = batch["depth"].numpy()[valid] / 5.732196
    pred = outputs["depth"].detach().numpy()[..., 0][valid]
    weights = batch["pixel_weights"].numpy()[valid]
    expected = np.average(np.abs(pred - truth), weights=weights)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_pixels_of_weight_zero_are_out():
    batch = wave_batch()
    batch["pixel_weights"][..., 24:, :] = 0
    outputs = predictions(batch)
    criterion = MODELS.build(dict(type="MultiTaskLoss", **DENSE))
    before = criterion(outputs, batch)
    sum(before.values()).backward()
    for key in ("depth", "world_points"):
        assert (outputs[key].grad[:, :, 24:] == 0).all(), key
        assert (outputs[key].grad[:, :, :24] != 0).any(), key
        outputs[key].data[:, :, 24:] = 1e6
    after = criterion(outputs, batch)
    assert {k: float(v) for k, v in after.items()} == {
        k: float(v) for k, v in before.items()
    }


def test_curriculum_by_hand():
    curriculum = FacadeCurriculum(boost=1.5, hold=0.4)
    factors = [curriculum.factor(done) for done in (0, 0.2, 0.4, 0.7, 1)]
    assert factors == pytest.approx([1.5, 1.5, 1.5, 1.25, 1])


def test_curriculum_raises_facades_and_nothing_else():
    labels = torch.tensor([11, 12, 34, 7, 13, 35, 23, -1], dtype=torch.int16)
    weights = torch.full((8,), 2.0)
    raised = FacadeCurriculum()(weights, labels, 0.0)
    assert raised.tolist() == [3, 3, 3, 2, 2, 2, 2, 2]
    assert FacadeCurriculum()(weights, labels, 1.0).tolist() == [2] * 8


def test_curriculum_changes_the_loss_and_ends_with_training():
    batch = street(wave_batch())
    plain = losses_of(batch)
    early, late = (losses_of(batch, done, curriculum={}) for done in (0.0, 1.0))
    assert late == pytest.approx(plain, rel=1e-6)
    for key in TERMS:
        assert abs(early[key] - plain[key]) > 1e-4 * abs(plain[key]), key


def test_curriculum_leaves_a_picture_of_facades_alone():
    batch = wave_batch()
    batch["semantics"][:] = BUILDING  # one factor for all pixels is no curriculum
    early = losses_of(batch, curriculum={})
    assert early == pytest.approx(losses_of(batch), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(boost=0), "`boost` must be positive, got 0"),
        (dict(hold=1), r"`hold` must be in \[0, 1\), got 1"),
    ],
)
def test_bad_curriculum(options, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(type="MultiTaskLoss", **DENSE, curriculum=options))
