"""Test-time augmentation: a group of turns, undone for the camera, averaged."""

import pytest
import torch

from tests.esam.models.pictures import (
    injected_model,
    picture_batch,
    picture_frame,
)
from tests.esam.models.scenes import batch, frame, narrow_model
from vantage3d.esam.frame_camera import undo_augmentation
from vantage3d.esam.models.turns import TURNS, mean_answer, turned


@pytest.mark.parametrize("turn", TURNS)
def test_the_way_back_is_recorded(turn):
    data = batch(frame(0, 50))
    inputs, samples = turned(**data, flip=turn[0], angle_deg=turn[1])
    before, after = data["inputs"]["points"][0], inputs["points"][0]
    back = undo_augmentation(after[:, :3], samples[0].metainfo)
    torch.testing.assert_close(back, before[:, :3])
    assert torch.equal(after[:, 3:], before[:, 3:])
    assert torch.equal(after, before) == (turn == TURNS[0])
    assert "transformation_3d_flow" not in data["data_samples"][0].metainfo


def test_a_turned_frame_gets_the_same_answer():
    """The turns are a group: those of a turned frame are the same eight."""
    data = batch(frame(0, 400))
    for name, model in (("tta", narrow_model(tta=True)), ("plain", narrow_model())):
        model.eval()
        found = []
        for turn in (TURNS[0], TURNS[5]):
            inputs, samples = turned(**data, flip=turn[0], angle_deg=turn[1])
            for sample in samples:
                sample.set_metainfo({"transformation_3d_flow": []})
            found.append(model(inputs, samples, mode="predict")[0].pred_pts_seg)
        scores = [torch.from_numpy(one.instance_scores) for one in found]
        same = len(scores[0]) == len(scores[1]) and torch.allclose(*scores, atol=1e-4)
        assert same == (name == "tta")


def test_image_features_are_found_from_every_side():
    model = injected_model().eval()
    data = picture_batch(picture_frame(0, 300))
    images = [
        model.image_features(*turned(**data, flip=flip, angle_deg=angle))
        for flip, angle in TURNS
    ]
    for found in images[1:]:
        torch.testing.assert_close(found.sample(), images[0].sample())


def test_probabilities_are_averaged():
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    answers = [
        {key: [sign * logits] for key in ("cls_preds", "sem_preds", "masks")}
        | {"scores": None}
        for sign in (1, -1)
    ]
    found = mean_answer(answers)
    torch.testing.assert_close(found["masks"][0].sigmoid(), torch.full((2, 2), 0.5))
    expected = (logits.softmax(1) + (-logits).softmax(1)) / 2
    torch.testing.assert_close(found["cls_preds"][0].softmax(1), expected)
    assert found["scores"] is None
    alone = mean_answer(answers[:1])
    torch.testing.assert_close(alone["masks"][0], logits)


def test_an_augmented_frame_is_refused():
    data = batch(frame(0, 50))
    data["data_samples"][0].set_metainfo(
        {"sample_idx": "scene0_1", "transformation_3d_flow": ["HF"]}
    )
    with pytest.raises(ValueError, match=r"scene0_1 was augmented before by \['HF'\]"):
        turned(**data, flip=True, angle_deg=0)
