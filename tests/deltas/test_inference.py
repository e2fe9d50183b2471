"""Depth of posed images: which views are taken, and how often each is looked at."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from tests.deltas.models.networks import narrow
from vantage3d.deltas import inference
from vantage3d.deltas.inference import PosedDepth
from vantage3d.deltas.keyframes import ANGLE, Keyframes, overlap
from vantage3d.inference import InputFrame

SIZE = (48, 64)  # H, W
K = np.array([[60.0, 0, 31.5], [0, 60, 23.5], [0, 0, 1]])


def frame(name: str, x: float = 0.0, turned: float = 0.0) -> InputFrame:
    """A frame of colour alone, at (x, 0, 0) and turned about y, radians."""
    c, s = np.cos(turned), np.sin(turned)
    cam2world = np.eye(4)
    cam2world[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    cam2world[0, 3] = x
    color = np.random.default_rng(len(name)).integers(0, 255, (*SIZE, 3), np.uint8)
    return InputFrame(name, color, K, cam2world=cam2world)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> PosedDepth:
    folder = tmp_path_factory.mktemp("deltas")
    torch.save({"state_dict": narrow().state_dict()}, folder / "narrow.pth")
    model = dict(
        type="DELTAS",
        width=8,
        blocks=(1, 1, 1, 1),
        descriptor_dim=16,
        keypoints=dict(num_kps=24, remove_borders=2, nms_radius=3),
        out_length=20,
    )
    loader = dict(dataset=dict(type="PosedViews", data_root="none", size=SIZE))
    Config(dict(model=model, test_dataloader=loader)).dump(folder / "narrow.py")
    return PosedDepth(folder / "narrow.pth", folder / "narrow.py", views=4)


def test_what_is_seen_from_elsewhere_in_closed_form():
    here, aside, behind = frame("a"), frame("b", x=0.1), frame("c", turned=np.pi)
    found = overlap(here, [here, aside, behind], [2.0])
    xs, ys = (np.arange(8) * 8 + 3.5 - 31.5) / 60, (np.arange(6) * 8 + 3.5 - 23.5) / 60
    angles = []
    for x, y in ((2 * x, 2 * y) for y in ys for x in xs):
        inside = 60 * (x - 0.1) / 2 + 31.5 >= -0.5
        cosine = x * (x - 0.1) + y * y + 4
        cosine /= np.sqrt(x * x + y * y + 4) * np.sqrt((x - 0.1) ** 2 + y * y + 4)
        angles.append(inside * np.arccos(cosine) / ANGLE)
    np.testing.assert_allclose(found.seen, [1, 1, 0])
    np.testing.assert_allclose(found.useful, [0, np.mean(angles), 0], atol=1e-9)
    far = overlap(here, [frame("d", x=1.0), frame("e", x=3.0)], [2.0])
    np.testing.assert_allclose(far.seen, [0.5, 0])
    np.testing.assert_allclose(far.useful, [0.5, 0])  # no angle counts more than 1


def test_a_keyframe_saw_something_new_or_from_elsewhere():
    keyframes = Keyframes([1.0, 2.0])
    stands = [frame(f"stand{i}", x=0.001 * i) for i in range(5)]
    walks = [frame(f"walk{i}", x=0.1 * i) for i in range(1, 4)]
    turns = [frame(f"turn{i}", x=0.3, turned=0.4 * i) for i in range(1, 4)]
    for one in (*stands, *walks, *turns):
        keyframes.add(one)
    names = [one.name for one in keyframes.frames]
    assert names == ["stand0", "walk1", "walk2", "walk3", "turn1", "turn2", "turn3"]
    views, useful = keyframes.choose(walks[2], 2, ())
    assert [view.name for view in views] == ["stand0", "walk1"]
    assert useful[0] > useful[1] > 0.3


def test_a_stream_is_encoded_once_however_the_camera_moves(predictor, monkeypatch):
    places = [0, 0, 0.01, 0.1, 0.2, 0.2, 0.2, 0.5, 0.6, 0.65, 0.7, 0.9]
    frames = [frame(f"f{place:02d}", x) for place, x in enumerate(places)]
    encoded = []
    net = predictor.model.supernet
    encode = net.encode
    monkeypatch.setattr(net, "encode", lambda x: encoded.append(len(x)) or encode(x))
    found = list(predictor.stream(iter(frames)))
    assert sum(encoded) == len(frames)
    assert [one.name for one in found] == [one.name for one in frames]
    for one, given in zip(found, frames, strict=True):
        assert one.depth.shape == one.confidence.shape == SIZE
        assert np.isfinite(one.depth).all() and (one.depth > 0).all()
        assert (one.confidence >= 0).all() and (one.confidence < 1).all()
        assert one.color is given.color


def test_views_decide_and_their_features_do_not_depend_on_who_asks(predictor):
    """The stream's answer is that of the network on the same views at once."""
    frames = [frame(f"f{place}", 0.15 * place) for place in range(4)]
    streamed = next(predictor.stream(iter(frames)))
    depths = np.geomspace(*predictor.model.trinet.search_range, 5)[1:-1].tolist()
    useful = overlap(frames[0], frames, depths).useful
    order = [frames[0], *sorted(frames[1:], key=lambda f: -useful[int(f.name[1:])])]
    batch = {
        "images": torch.stack([torch.tensor(one.color) for one in order])[None]
        .permute(0, 1, 4, 2, 3)
        .float()
        / 255,
        "K": torch.tensor(K).float().expand(1, 4, 3, 3),
        "cam2world": torch.tensor(np.stack([f.cam2world for f in order]))[None].float(),
    }
    with torch.inference_mode():
        at_once = predictor.model(batch, mode="predict")[0]["pred_depth"]
    np.testing.assert_allclose(streamed.depth, at_once.numpy(), rtol=1e-3, atol=1e-4)


def test_a_camera_that_stands_still_is_told(predictor, monkeypatch):
    told = []
    monkeypatch.setattr(inference, "print_log", lambda text, **_: told.append(text))
    found = list(predictor.stream([frame("a"), frame("b"), frame("c")]))
    assert len(found) == 3
    assert "3 frames show nothing that another keyframe shows" in told[0]
    assert all((one.confidence == 0).all() for one in found)


def test_what_cannot_be_triangulated_is_refused(predictor):
    with pytest.raises(ValueError, match=r"alone is the only frame"):
        list(predictor.stream([frame("alone")]))
    with pytest.raises(ValueError, match=r"frame f has no pose"):
        list(predictor.stream([frame("f")._replace(cam2world=None)]))
    with pytest.raises(ValueError, match=r"`views` must be at least 2, got 1"):
        PosedDepth("none.pth", views=1)
