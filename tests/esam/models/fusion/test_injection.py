"""Image features in the decoder, each frame's own; without them nothing changes."""

from importlib.util import find_spec

import pytest
import torch

from tests.esam.models.pictures import (
    CHANNELS,
    injected_model,
    injection_changes,
    picture_batch,
    picture_frame,
    unseen,
)
from tests.esam.models.scenes import model_config, narrow_model
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.esam.models import Res16UNet34C
from vantage3d.sparse import SparseTensor


def run(model, data, mode="tensor"):
    return model(**model.data_preprocessor(data, training=mode == "loss"), mode=mode)


def frames():
    return [picture_frame(0, 700), picture_frame(1, 400, 2)]


def outputs(model, data):
    out = run(model, data)
    return [*out["cls_preds"], *out["masks"], *out["sem_preds"]]


def equal(first, second) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


WAYS = [("add", "mean"), ("add", "max"), ("concat", "mean"), ("concat", "max")]


@pytest.mark.bitwise
@pytest.mark.parametrize(("form", "pool"), WAYS)
def test_zero_kernels_give_the_plain_network_bit_for_bit(form, pool):
    injected = injected_model(zero=True, form=form, pool=pool)
    plain = narrow_model(seed=1)
    load_weights(plain, {"state_dict": shared(injected)}, "injected.pth")
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


@pytest.mark.minkowski
@pytest.mark.parametrize(("form", "pool"), WAYS)
def test_both_engines_inject_the_same(form, pool):
    if find_spec("MinkowskiEngine") is None:
        pytest.skip("MinkowskiEngine is not installed")
    ours = injected_model(form=form, pool=pool).eval()
    changes = injection_changes(form=form, pool=pool)
    changes["backbone"]["backend"] = "minkowski"
    other = narrow_model(**changes).eval()
    other.load_state_dict(ours.state_dict())
    data = picture_batch(*frames())
    for a, b in zip(outputs(ours, data), outputs(other, data)):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_kernels_of_the_concat_form():
    injected = injected_model(form="concat").state_dict()
    added = set(injected) - set(narrow_model().state_dict())
    assert added == {
        f"backbone.dino_fuse_{stride}.{name}"
        for stride in (8, 4, 2, 1)
        for name in ("base", "image", "out")
    }


def test_one_step_keeps_the_concat_form_near_the_plain_network():
    """A norm after a zero kernel would give 0.46 of the base's size."""
    model, data = injected_model(zero=True, form="concat"), picture_batch(*frames())
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    sum(run(model, data, "loss").values()).backward()
    optimizer.step()
    layer = model.backbone.dino_fuse_1
    assert 0 < layer.out.abs().max() < 1.1e-4


def shared(model):
    """Weights that the plain network has too."""
    return {k: v for k, v in model.state_dict().items() if "dino_" not in k}


def test_gradient_reaches_the_kernels_at_the_first_step():
    model = injected_model(zero=True)
    sum(run(model, picture_batch(*frames()), "loss").values()).backward()
    for stride in (8, 4, 2, 1):
        kernel = getattr(model.backbone, f"dino_proj_{stride}").kernel
        assert not kernel.any()
        assert kernel.grad.abs().max() > 0


@pytest.mark.parametrize(("form", "pool"), WAYS)
def test_each_frame_of_a_batch_uses_its_own_image(form, pool):
    model, batch = injected_model(form=form, pool=pool).eval(), frames()
    both = run(model, picture_batch(*batch))
    (p0, f0, s0), (p1, f1, s1) = batch
    swapped = run(model, picture_batch((p0, f1, s0), (p1, f0, s1)))
    for i, single in enumerate(batch):
        alone = run(model, picture_batch(single))
        for key in ("cls_preds", "masks", "sem_preds"):
            torch.testing.assert_close(both[key][i], alone[key][0])
        assert not torch.allclose(both["masks"][i], swapped["masks"][i])


@pytest.mark.bitwise
@pytest.mark.parametrize("form", ["add", "concat"])
def test_images_that_nobody_sees_change_nothing(form):
    model, plain = injected_model(form=form).eval(), narrow_model(seed=1).eval()
    load_weights(plain, {"state_dict": shared(model)}, "injected.pth")
    data = picture_batch(unseen(picture_frame(0, 500)))
    assert equal(outputs(model, data), outputs(plain, data))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 3}, r"takes \['channels', 'form', 'pool'\].* got .*'width'"),
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


@pytest.mark.parametrize(("form", "pool"), WAYS)
def test_half_precision_stays_close(form, pool):
    """Maps as they are stored, and arithmetic in bfloat16."""
    model = injected_model(form=form, pool=pool).eval()
    halves = [(points, feats.half(), sample) for points, feats, sample in frames()]
    plain = run(model, picture_batch(*frames()))["masks"][0]
    stored = run(model, picture_batch(*halves))["masks"][0]
    assert (stored - plain).abs().max() < 0.02 * plain.abs().max()
    with torch.autocast("cpu", torch.bfloat16):
        low = run(model, picture_batch(*halves))["masks"][0]
        losses = run(model.train(), picture_batch(*halves), "loss")
    assert (low - plain).abs().max() < 0.2 * plain.abs().max()
    assert all(value.dtype == torch.float32 for value in losses.values())
