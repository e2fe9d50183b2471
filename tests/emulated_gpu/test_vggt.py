"""VGGT on the pretended GPU: losses, heads, adapters, precision, tracking."""

import pytest
import torch

from tests.emulated_gpu.steps import predict, train_step, uploaded
from tests.vggt_lora.losses.batches import wave_batch
from tests.vggt_lora.models.networks import NARROW, images, narrow
from tests.vggt_lora.models.toy import LORA
from vantage3d.registry import HOOKS, METRICS, MODELS
from vantage3d.vggt_lora.losses.weighting import BUILDING

pytestmark = pytest.mark.usefixtures("gpu")
DENSE = dict(camera={}, depth={})


def data():
    """A batch of one sample of two frames, whose sides are whole patches."""
    inputs = wave_batch()
    maps = ("depth", "valid", "pixel_weights", "semantics")
    for key in maps:
        inputs[key] = inputs[key][:, :, :42, :56].contiguous()
    inputs["images"] = inputs["images"][..., :42, :56].contiguous()
    inputs["semantics"][..., 28:] = BUILDING
    named = [dict(sequence="drive", ids=torch.tensor([4, 6]))]
    return {"inputs": inputs, "data_samples": named}


def estimator(terms, **options):
    torch.manual_seed(0)
    net = {**NARROW, "enable_track": False, **options}
    criterion = dict(type="MultiTaskLoss", **terms)
    return MODELS.build(dict(type="VGGTEstimator", criterion=criterion, **net))


BRANCHES = {
    "camera and depth": (DENSE, {}),
    "points": (dict(point=dict(gradient_loss_fn="normal")), {}),
    "photometric": (dict(**DENSE, photometric={}), dict(enable_point=False)),
    "sparse points": (dict(camera={}, sparse_points={}), dict(enable_point=False)),
    "curriculum, median scale": (
        dict(**DENSE, curriculum={}, scale_statistic="median"), {}
    ),
    "LoRA": (DENSE, dict(lora=LORA, enable_point=False)),
    "bfloat16, checkpointing": (DENSE, dict(precision="bfloat16", checkpointing=True)),
}  # fmt: skip


@pytest.mark.parametrize("branch", BRANCHES)
def test_training_and_prediction(branch):
    terms, options = BRANCHES[branch]
    model = estimator(terms, **options)
    losses = train_step(model, data())
    assert any("loss" in name for name in losses)
    prediction = predict(model, data())
    metric = METRICS.build(dict(type="DepthMetric"))
    metric.process(uploaded(data()), prediction)
    assert metric.evaluate(1)
    hook = HOOKS.build(dict(type="DepthPictureHook", answers=dict(ours="pred_depth")))
    hook.keep(0, uploaded(data()), prediction)
    assert len(hook.kept) == 1


def test_base_beside_the_adapters():
    model = estimator(DENSE, lora=LORA, predict_base=True, enable_point=False)
    prediction, batch = predict(model, data()), uploaded(data())
    for name in ("exact_depths", "typical_depths"):  # as ExactViews adds them
        batch["inputs"][name] = batch["inputs"]["depth"]
    answers = dict(lora="pred", base="base")
    metric = METRICS.build(dict(type="DepthComparison", answers=answers))
    metric.process(batch, prediction)
    assert metric.evaluate(1)


def test_tracking():
    net = narrow().to("cuda")
    queries = torch.tensor([[[10.0, 12.0], [30, 20]]], device="cuda")
    outputs = net(images().cuda(), queries)
    sum(outputs[key].sum() for key in ("track", "vis", "conf")).backward()
    assert net.track_head.feature_extractor.norm.weight.grad.isfinite().all()
