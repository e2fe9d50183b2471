"""DELTAS on the pretended GPU: every branch of its losses and of its networks."""

import pytest
import torch

from tests.deltas.losses.test_interest_points import authors_weights
from tests.deltas.models.networks import narrow
from tests.deltas.worlds import wall_batch
from tests.emulated_gpu.steps import predict, train_step, uploaded
from vantage3d.registry import HOOKS, METRICS

pytestmark = pytest.mark.usefixtures("gpu")
CORNERS = dict(teacher=dict(type="CornerTeacher"))
TERMS = dict(interest=CORNERS, matches={}, points={}, smoothness={})
SIZE = (64, 96)


def data():
    """A batch as the loader gives it."""
    named = [dict(name="room/1-0-2")]
    return {"inputs": wall_batch(size=SIZE), "data_samples": named}


@pytest.fixture
def superpoint(tmp_path):
    """SuperPoint's weights in their authors' names, random."""
    torch.save(authors_weights(), tmp_path / "superpoint_v1.pth")
    return dict(type="SuperPointTeacher", weights=str(tmp_path / "superpoint_v1.pth"))


BRANCHES = {
    "plain": {},
    "consensus": dict(max_residual=2.0, min_matches=2),
    "fine descriptors": dict(descriptor_stride=2),
    "legacy": dict(legacy=True),
}


@pytest.mark.parametrize("branch", BRANCHES)
def test_training_and_prediction(branch):
    model = narrow(criterion=dict(type="DeltasLoss", **TERMS), **BRANCHES[branch])
    losses = train_step(model, data())
    assert {"loss_interest", "loss_matches", "loss_points"} < set(losses)
    batch = data()
    prediction = predict(model, batch)
    metric = METRICS.build(dict(type="TriangulatedDepthMetric"))
    metric.process(uploaded(batch), prediction)
    assert metric.evaluate(1)
    hook = HOOKS.build(dict(type="DepthReportHook", median_map=False))
    hook.keep(0, uploaded(batch), prediction)


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_superpoint_teaches(superpoint, kind):
    interest = dict(teacher=superpoint, kind=kind)
    train_step(narrow(criterion=dict(type="DeltasLoss", interest=interest)), data())
