"""The ONNX files say what torch says, at sizes and numbers of views never traced."""

import os

import numpy as np
import pytest
import torch

from tests.deltas.models.networks import batch, narrow
from vantage3d.deltas.models.estimator import relative_poses
from vantage3d.deltas.onnx_export import OPSET, Densify, Look, Triangulate, export


def network():
    options = dict(max_residual=1.5, min_matches=2, max_chance=0.5)
    return narrow(descriptor_stride=4, **options).eval()


def test_legacy_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"legacy=True cannot be exported: ONNX has no"
    ):
        export(narrow(legacy=True).eval(), tmp_path)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    if not os.environ.get("EXPORT"):
        pytest.skip("the export takes a minute and a half: EXPORT=1 python -m pytest")
    pytest.importorskip("onnxscript", reason="needs `pip install vantage3d[onnx]`")
    runtime = pytest.importorskip("onnxruntime", reason="needs vantage3d[onnx]")
    net = network()
    sessions = {
        path.stem: runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for path in export(net, tmp_path_factory.mktemp("onnx"))
    }
    return net, sessions


def answers(session, *values):
    names = [one.name for one in session.get_inputs()]
    found = session.run(None, {n: v.numpy() for n, v in zip(names, values)})
    return [torch.from_numpy(one) for one in found]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "views"), [((72, 104), 4), ((120, 88), 2)])
def test_three_stages_at_any_size(exported, size, views):
    net, sessions = exported
    inputs = batch(1, views, size=size)
    images, K = inputs["images"][0], inputs["K"][0]
    with torch.no_grad():
        look = Look(net)(images)
        maps, found = net.look(inputs["images"], every_view=False)
        logits = found["score_logits"][:, 0]
        pixels, _ = net.select(logits, size, torch.Generator().manual_seed(0))
        seen = (look[1], pixels[0], K, relative_poses(inputs["cam2world"])[0])
        points = Triangulate(net)(*seen)
        sparse = torch.zeros(1, 1, *size)
        sparse[..., ::7, ::5] = 2.0
        depth = Densify(net)(sparse, *maps)
    for name, given, expected in (
        ("look", (images,), look),
        ("triangulate", seen, points),
        ("densify", (sparse, *maps), (depth,)),
    ):
        got = answers(sessions[name], *given)
        for ours, want in zip(got, expected, strict=True):
            assert ours.shape == want.shape
            np.testing.assert_allclose(ours, want, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_files_name_their_opset_and_free_axes(exported):
    onnx = pytest.importorskip("onnx")
    _, sessions = exported
    model = onnx.load(sessions["look"]._model_path)
    assert {o.version for o in model.opset_import if not o.domain} == {OPSET}
    batch_axis, channels, height, width = sessions["look"].get_inputs()[0].shape
    assert channels == 3
    assert all(isinstance(axis, str) for axis in (batch_axis, height, width))
