"""Image features in the decoder, each frame's own; without them nothing changes."""

import pytest
import torch

from projects.common.sparse import SparseTensor
from projects.esam.models import Res16UNet34C
from tests.esam.models.pictures import (
    CHANNELS,
    injected_model,
    injection_changes,
    picture_batch,
    picture_frame,
    unseen,
)
from tests.esam.models.scenes import model_config, narrow_model


def run(model, data, mode="tensor"):
    return model(**model.data_preprocessor(data, training=mode == "loss"), mode=mode)


def frames():
    return [picture_frame(0, 700), picture_frame(1, 400, 2)]


def outputs(model, data):
    out = run(model, data)
    return [*out["cls_preds"], *out["masks"], *out["sem_preds"]]


def equal(first, second) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_zero_kernels_give_the_plain_network_bit_for_bit(pool):
    plain, injected = narrow_model(), injected_model(zero=True, pool=pool)
    data = picture_batch(*frames())
    for mode in (False, True):
        plain.train(mode), injected.train(mode)
        assert equal(outputs(injected, data), outputs(plain, data))


def test_without_injection_the_state_is_the_baselines():
    plain = narrow_model()
    baseline = set(plain.state_dict())
    injected = set(injected_model().state_dict())
    added = {f"backbone.dino_proj_{s}.kernel" for s in (8, 4, 2, 1)}
    assert injected - baseline == added
    assert baseline <= injected
    assert not [name for name in baseline if "dino" in name]


def test_gradient_reaches_the_kernels_at_the_first_step():
    model = injected_model(zero=True)
    sum(run(model, picture_batch(*frames()), "loss").values()).backward()
    for stride in (8, 4, 2, 1):
        kernel = getattr(model.backbone, f"dino_proj_{stride}").kernel
        assert not kernel.any()
        assert kernel.grad.abs().max() > 0


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_each_frame_of_a_batch_uses_its_own_image(pool):
    model, batch = injected_model(pool=pool).eval(), frames()
    both = run(model, picture_batch(*batch))
    (p0, f0, s0), (p1, f1, s1) = batch
    swapped = run(model, picture_batch((p0, f1, s0), (p1, f0, s1)))
    for i, single in enumerate(batch):
        alone = run(model, picture_batch(single))
        for key in ("cls_preds", "masks", "sem_preds"):
            torch.testing.assert_close(both[key][i], alone[key][0])
        assert not torch.allclose(both["masks"][i], swapped["masks"][i])


def test_images_that_nobody_sees_change_nothing():
    model, plain = injected_model().eval(), narrow_model().eval()
    data = picture_batch(unseen(picture_frame(0, 500)))
    assert equal(outputs(model, data), outputs(plain, data))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chanels": 3}, r"takes \['channels', 'form', 'pool'\].* got .*'chanels'"),
        ({"form": "multiply"}, r"`injection.form` must be one of .* got 'multiply'"),
        ({"pool": "median"}, r"one of \['mean', 'max'\], got 'median'"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        injected_model(**options)


def test_injection_and_features_belong_together():
    with pytest.raises(ValueError, match="got channels 5, the users want none"):
        narrow_model(image_features=injection_changes()["image_features"])
    changes = injection_changes()
    message = r"got channels None, the users want {'backbone.injection': 5}"
    with pytest.raises(ValueError, match=message):
        narrow_model(backbone=changes["backbone"])
    changes["image_features"] = {**changes["image_features"], "channels": 7}
    with pytest.raises(ValueError, match=r"got channels 7, the users want .* 5}"):
        narrow_model(**changes)


def test_features_for_a_backbone_without_injection():
    config = {k: v for k, v in model_config()["backbone"].items() if k != "type"}
    x = SparseTensor(torch.ones(1, 3), torch.zeros(1, 4, dtype=torch.int32))
    with pytest.raises(ValueError, match=r"must be given .* made with it, got None"):
        Res16UNet34C(**config, injection={"channels": CHANNELS})(x)
