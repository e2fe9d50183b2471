"""The whole model: what it returns, refuses, and does where there is no point."""

import pytest
import torch

from tests.deltas.models.networks import SIZE, SumOfOutputs, batch, narrow
from tests.reference.deltas_golden import SCENE, read_scene
from tests.shared import need
from vantage3d.deltas.models.estimator import relative_poses
from vantage3d.deltas.models.matching import epipolar_segments
from vantage3d.geometry import project, unproject_pixels


@pytest.fixture(scope="module")
def net():
    return narrow().eval()


@pytest.mark.bitwise
@torch.no_grad()
def test_a_sample_does_not_depend_on_its_batch(net):
    together, alone = batch(2), batch(2)
    alone = {key: value[1:] for key, value in alone.items()}
    both, one = net(together), net(alone)
    assert torch.equal(both["keypoints"][1], one["keypoints"][0])
    for key in ("matches", "points_anchor", "depth", "score_logits"):
        torch.testing.assert_close(both[key][1], one[key][0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(net(together)["depth"], both["depth"], rtol=0, atol=0)


@torch.no_grad()
def test_moving_the_world_changes_nothing(net):
    moved = batch()
    motion = torch.tensor(
        [[0.0, 0, 1, 30], [0, 1, 0, -40], [-1, 0, 0, 9], [0, 0, 0, 1]]
    )
    moved["cam2world"] = motion @ moved["cam2world"]
    ours, other = net(batch()), net(moved)
    torch.testing.assert_close(
        ours["points_anchor"], other["points_anchor"], rtol=1e-3, atol=1e-3
    )


@torch.no_grad()
def test_predictions(net):
    result = net(batch(), mode="predict")
    outputs = net(batch())
    assert len(result) == 2
    for i, sample in enumerate(result):
        clamped = outputs["depth"][i].clamp(min=1e-3)
        torch.testing.assert_close(sample["pred_depth"], clamped)
        assert sample["counts"]["keypoints"] == 24
        share = float(outputs["point_valid"][i].float().mean())
        assert sample["share_triangulated"] == pytest.approx(share)
        assert share > 0.5
        reasons = [
            sample["counts"][k]
            for k in ("no_view", "no_parallax", "behind", "disagree")
        ]
        assert sum(reasons) + sample["counts"]["triangulated"] == 24


@pytest.mark.parametrize("size", [(32, 32), (45, 67), (50, 33)])
@torch.no_grad()
def test_any_size(net, size):
    outputs = net(batch(1, 2, size))
    shapes = [depth.shape[-2:] for depth in outputs["depth_pyramid"]]
    expected = [tuple(-(-n // s) for n in size) for s in (8, 4, 2, 1)]
    assert shapes == expected
    assert outputs["score_logits"].shape[-2:] == expected[0]
    assert outputs["descriptors"].shape[-2:] == expected[0]
    x, y = outputs["keypoints"].unbind(-1)
    assert float(x.max()) < size[1]
    assert float(y.max()) < size[0]
    for value in (outputs["depth"], outputs["points_anchor"]):
        assert torch.isfinite(value).all()


def test_points_lie_where_they_are_seen(net):
    """Matches lie on the epipolar segments and points project near to them."""
    inputs = batch()
    with torch.no_grad():
        out = net(inputs)
    ref2cam = relative_poses(inputs["cam2world"])
    valid = out["point_valid"]
    for view in (1, 2):
        camera = inputs["K"][:, view], ref2cam[:, view]
        pixels, _ = project(out["points_anchor"], *camera)
        error = (pixels - out["matches"][:, view - 1]).norm(dim=-1)
        usable = valid & out["range_kp"][:, view - 1]
        assert usable.any()
        assert float(error[usable].median()) < 3
    anchor, _ = project(out["points_anchor"], inputs["K"][:, 0], ref2cam[:, 0])
    assert float((anchor - out["keypoints"]).norm(dim=-1)[valid].median()) < 3


def test_exact_matches_give_exact_points(net):
    """The oracle of matching: pixels of known points, each view with its own K."""
    generator = torch.Generator().manual_seed(0)
    inputs = batch(2, 3, baseline=0.2)
    inputs["K"][:, 1, :2] *= 1.25
    ref2cam = relative_poses(inputs["cam2world"])
    size = torch.tensor([SIZE[1], SIZE[0]])
    keypoints = torch.rand(2, 50, 2, generator=generator) * size
    depth = torch.rand(2, 50, generator=generator) * 3 + 0.8
    eye = torch.eye(4)
    truth = unproject_pixels(keypoints, depth, inputs["K"][:, 0], eye)
    seen = [project(truth, inputs["K"][:, v], ref2cam[:, v])[0] for v in (0, 1, 2)]
    range_kp = torch.ones(2, 2, 50, dtype=torch.bool)
    found = net.trinet.locate(
        torch.stack(seen, 1), inputs["K"], ref2cam, torch.ones(2, 3, 50), range_kp
    )
    assert found["point_valid"].all()
    assert float((found["points_anchor"] - truth).abs().max()) < 1e-4


@pytest.mark.parametrize("anchor", [0, 1, 2])
def test_exact_matches_on_real_frames(net, anchor):
    """Cameras 5 to 16 mm apart, points of the depth sensor."""
    need(SCENE)
    inputs, size = read_scene(anchor, 2, (240, 320)), (240, 320)
    depth, ref2cam = inputs["depth"][:, 0], relative_poses(inputs["cam2world"])
    place = torch.randperm(depth.numel(), generator=torch.Generator().manual_seed(0))
    place = place[depth.flatten()[place] > 0][:200]
    keypoints = torch.stack([place % size[1], place // size[1]], -1)[None].float()
    K, z = inputs["K"].double(), depth.flatten()[place][None].double()
    truth = unproject_pixels(keypoints.double(), z, K[:, 0], torch.eye(4).double())
    seen = [project(truth, K[:, v], ref2cam[:, v].double())[0] for v in (1, 2)]
    segments = epipolar_segments(
        keypoints, inputs["K"], ref2cam[:, 1:], (0.5, 10.0), size, False
    )
    inside = [segments_hold(segments, v, seen[v].float()) for v in (0, 1)]
    assert bool(torch.stack(inside).all())
    pixels = torch.stack([keypoints, *(s.float() for s in seen)], 1)
    found = net.trinet.locate(
        pixels, inputs["K"], ref2cam, torch.ones(1, 3, 200), segments.valid
    )
    assert found["point_valid"].all()
    assert float((found["points_anchor"] - truth).abs().max()) < 1e-4


def segments_hold(segments, view: int, pixels: torch.Tensor) -> torch.Tensor:
    """(B, N) bool: on the segment, or outside of the image and so beyond its end."""
    start, end = segments.ends[:, view].unbind(-2)
    along = end - start
    length = along.norm(dim=-1)
    offset = pixels - start
    share = (offset * along).sum(-1) / length**2
    across = (offset[..., 0] * along[..., 1] - offset[..., 1] * along[..., 0]) / length
    on = (across.abs() < 1e-2) & (share > -1e-3) & (share < 1 + 1e-3)
    limit = torch.tensor([319.5, 239.5])
    return on | ~((pixels >= -0.5) & (pixels <= limit)).all(-1)


def trained(inputs):
    """Losses of a narrow model in training, and its gradients by name."""
    net = narrow().train()
    net.criterion = SumOfOutputs()
    losses = net(inputs, mode="loss")
    sum(losses.values()).backward()
    return losses, {
        name: p.grad for name, p in net.named_parameters() if p.requires_grad
    }


def test_every_weight_is_trained():
    losses, gradients = trained(batch())
    assert all(torch.isfinite(value) for value in losses.values())
    for name, gradient in gradients.items():
        assert gradient is not None, name
        assert torch.isfinite(gradient).all(), name
    assert float(gradients["trinet.bn_match_convD.weight"].abs()) > 0
    assert float(gradients["supernet.convDd.weight"].abs().max()) > 0


def test_the_detector_sees_every_view_in_training_only():
    net = narrow().eval()
    with torch.no_grad():
        assert net.estimate(batch(), every_view=True)["score_logits"].shape[1] == 3
        assert net(batch())["score_logits"].shape[1] == 1


@pytest.mark.parametrize(
    ("case", "reason"),
    [("same place", "no_parallax"), ("other room", "no_view"), ("far", "no_parallax")],
)
def test_without_a_point_training_and_prediction_go_on(case, reason):
    inputs = batch()
    if case == "same place":
        inputs["cam2world"][:] = inputs["cam2world"][:, :1]
    if case == "other room":
        inputs["cam2world"][:, 1:, :3, 3] += 1000.0
    if case == "far":
        inputs["cam2world"][:] = inputs["cam2world"][:, :1]
        inputs["cam2world"][:, 1:, :3, 3] += 1e-6
    losses, gradients = trained(inputs)
    assert all(torch.isfinite(value) for value in losses.values())
    for name, gradient in gradients.items():
        assert gradient is None or torch.isfinite(gradient).all(), name
    with torch.no_grad():
        result = narrow().eval()(inputs, mode="predict")
    for sample in result:
        assert sample["share_triangulated"] == 0
        assert sample["counts"][reason] == 24
        assert sample["counts"]["used"] == 0
        assert torch.isfinite(sample["pred_depth"]).all()


def test_ranges_are_separate():
    inputs = batch(1)
    with torch.no_grad():
        near = narrow(search_range=(0.5, 1.0)).eval()(inputs)
        none = narrow(search_range=(0.5, 1.0), sparse_range=(5.0, 6.0)).eval()(inputs)
    torch.testing.assert_close(near["points_anchor"], none["points_anchor"])
    z = near["points_anchor"][near["point_valid"]][:, 2]
    assert 0.45 < float(z.median()) < 1.05
    assert near["counts"]["used"] > 0
    assert none["counts"]["used"] == 0


@pytest.mark.bitwise
def test_random_keypoints_follow_torchs_generator_in_training():
    inputs, points = batch(1), []
    net = narrow(keypoints=dict(num_kps=24, frac_superpoint=0.0)).train()
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        with torch.no_grad():
            points.append(net(inputs)["keypoints"])
    assert torch.equal(points[0], points[1])
    assert not torch.equal(points[0], points[2])


@torch.no_grad()
@pytest.mark.parametrize("stride", [8, 4, 2])
def test_descriptors_as_fine_as_wanted_with_the_same_weights(stride):
    """A finer grid shows the same: the mean of its cells is near the coarse one's."""
    coarse, fine = narrow().eval(), narrow(descriptor_stride=stride).eval()
    assert coarse.state_dict().keys() == fine.state_dict().keys()
    inputs = batch(1)
    inputs["images"] = (
        inputs["images"].mean((-2, -1), keepdim=True).expand_as(inputs["images"])
    )
    few, many = (net(inputs)["descriptors"][0, 0] for net in (coarse, fine))
    assert many.shape[1:] == (48 // stride, 72 // stride)
    cell = 8 // stride
    middle = many[:, 3 * cell : 4 * cell, 4 * cell : 5 * cell].mean((1, 2))
    assert float(middle @ few[:, 3, 4]) > 0.9


def without(key: str) -> dict:
    return {k: v for k, v in batch().items() if k != key}


def changed(key: str, index: tuple, value: float) -> dict:
    inputs = batch()
    inputs[key][index] = value
    return inputs


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (without("K"), r"batch has no \['K'\], only \['cam2world', 'images', 'names'"),
        (batch(2, 1), r"at least one other view, got 1 views.*room_1"),
        (batch(1, 2, (31, 64)), "at least 32 pixels high and wide, got 64x31"),
        (
            {**batch(), "K": batch()["K"][:, 0]},
            r"`K` must have shape \(B=2, V=3, 3, 3\), got \(2, 3, 3\).*room_0",
        ),
        (
            changed("K", (1, 2, 1, 1), 0.0),
            r"positive focal lengths, got 0 in sample 1, view 2.*room_1",
        ),
        (
            changed("cam2world", (1, 0, 0, 3), float("nan")),
            r"`cam2world` must be finite, got nan at index \(1, 0, 0, 3\).*room_1",
        ),
    ],
)
def test_bad_batches(net, inputs, message):
    with pytest.raises(ValueError, match=message):
        net(inputs)


def test_legacy_needs_whole_cells():
    net = narrow(legacy=True).eval()
    with pytest.raises(ValueError, match="must be multiples of 8, got 72x50"):
        net(batch(1, 2, (50, 72)))
    with torch.no_grad():
        assert torch.isfinite(net(batch(1, 2))["depth"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(width=6), "`width` must be a positive multiple of 4, got 6"),
        (dict(blocks=(1, 1, 1)), r"`blocks` must be four positive numbers, got \(1, 1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        narrow(**options)


def test_a_network_that_tells_nothing_apart_answers_the_centre():
    """Equal scores everywhere: its points are those of chance, all triangulated."""
    net, inputs = narrow(dist_orthogonal=0).eval(), batch(views=2)
    net.trinet.bn_match_convD.weight.data.zero_()
    found = net(inputs, mode="predict")
    for one in found:
        points, valid = one["chance"]["centre"]
        assert torch.equal(valid, one["point_valid"]) and valid.any()
        assert torch.allclose(points, one["points_anchor"], rtol=1e-3)
        drawn, _ = one["chance"]["random"]
        assert not torch.allclose(drawn, points, rtol=0.1)
        assert torch.equal(one["chance"]["random"][1], valid)
