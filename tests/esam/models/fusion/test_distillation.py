"""A network of points that learns image features and then does without images."""

import pytest
import torch

from tests.esam.models.pictures import (
    CHANNELS,
    SOURCE,
    picture_batch,
    picture_frame,
    unseen,
)
from tests.esam.models.scenes import narrow_model
from vantage3d.engine.checkpoints.weights import load_weights

DISTILLATION = {
    "type": "FeatureDistillation",
    "channels": CHANNELS,
    "point_channels": 8,
}


def distilled_model():
    return narrow_model(distillation=DISTILLATION, image_features=SOURCE)


def run(model, data, mode):
    return model(**model.data_preprocessor(data, training=mode == "loss"), mode=mode)


def frames():
    return [picture_frame(0, 700), picture_frame(1, 400, 2)]


@pytest.mark.bitwise
def test_prediction_needs_no_images_and_is_the_plain_detectors():
    model, data = distilled_model().eval(), picture_batch(*frames())
    plain = narrow_model(seed=1).eval()
    load_weights(plain, {"state_dict": model.state_dict()}, "distilled.pth")
    del data["inputs"]["clip_pix"]
    expected, got = (run(net, data, "tensor") for net in (plain, model))
    assert all(torch.equal(a, b) for a, b in zip(expected["masks"], got["masks"]))


def test_a_training_needs_images():
    data = picture_batch(*frames())
    del data["inputs"]["clip_pix"]
    with pytest.raises(ValueError, match="frame0: the batch has no `clip_pix`"):
        run(distilled_model(), data, "loss")


def test_loss_is_one_minus_the_cosine_of_voxels_with_a_feature():
    model, data = distilled_model().eval(), picture_batch(*frames())
    inputs, samples = data["inputs"], data["data_samples"]
    out = model.extract_feat(inputs, samples)
    images = model.image_features(inputs, samples)
    target, cells = {}, out.coordinates.tolist()
    for cell, feats, valid in zip(cells, images.sample(), images.valid):
        if valid:
            target.setdefault(tuple(cell), []).append(feats)
    voxels = zip(out.voxels.coordinates.tolist(), out.voxels.features)
    cosines = [
        torch.cosine_similarity(
            model.distillation.head(feats), torch.stack(target[tuple(cell)]).mean(0), 0
        )
        for cell, feats in voxels
        if tuple(cell) in target
    ]
    losses = run(model, data, "loss")
    expected = 1 - torch.stack(cosines).mean()
    torch.testing.assert_close(losses["distill_loss"], expected)
    share = len(cosines) / len(out.voxels.features)
    assert float(losses["distill/covered"]) == pytest.approx(share)


def test_it_teaches_the_backbone():
    model, data = distilled_model(), picture_batch(*frames())
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    first = None
    for _ in range(15):
        optimizer.zero_grad()
        losses = run(model, data, "loss")
        first = float(losses["distill_loss"].detach()) if first is None else first
        losses["distill_loss"].backward()
        optimizer.step()
    assert float(losses["distill_loss"].detach()) < 0.8 * first
    assert model.backbone.conv0p1s1.kernel.grad.abs().max() > 0


def test_frames_without_a_visible_point_give_a_zero_with_gradient():
    model = distilled_model()
    loss = run(model, picture_batch(unseen(picture_frame(0, 300))), "loss")
    assert float(loss["distill_loss"].detach()) == 0
    loss["distill_loss"].backward()
    assert model.distillation.head.weight.grad.isfinite().all()
