"""A tracker's vectors: what untrained, alone and together with a detector they do."""

import pytest
import torch

from tests.esam.models.scenes import batch, frame, narrow_model
from tests.esam.models.test_mixformer3d_online import (
    equal,
    online_model,
    sequence,
    step,
    trained,
)
from vantage3d.engine.checkpoints.weights import LoadPolicy, load_weights
from vantage3d.engine.errors import CheckpointError
from vantage3d.esam.models import TrackHead
from vantage3d.esam.online.scene import SceneInstances

TRACKING = {
    "track_head": {
        "type": "TrackHead",
        "in_channels": 16,
        "out_channels": 12,
        "d_hidden": 16,
        "num_heads": 2,
    },
    "track_criterion": {"type": "TrackCriterion"},
}


def tracker(**changes):
    return online_model(**{**TRACKING, **changes})


def head(looks: bool = False) -> TrackHead:
    """With an attention that has learnt something, if it ``looks``."""
    torch.manual_seed(0)
    made = TrackHead(8, 4, d_hidden=8, num_heads=2)
    if looks:
        torch.nn.init.eye_(made.attention.attn.out_proj.weight)
    return made


def test_vectors_have_unit_length():
    for kind in head()([torch.randn(5, 8)])[0]:
        assert kind.shape == (5, 4)
        torch.testing.assert_close(kind.norm(dim=1), torch.ones(5))


def test_untrained_the_frame_before_changes_no_bit():
    first, second = torch.randn(2, 6, 8)
    for looks in (False, True):
        made = head(looks)
        (alone,) = made([second])
        made.reset()
        made([first])
        (after,) = made([second])
        same = [torch.equal(a, b) for a, b in zip(alone, after)]
        assert same == [not looks] * 2


def test_queries_see_the_last_frame_of_their_own_scene():
    """Whatever stood before it, or beside it, and in which order."""
    frames = torch.randn(4, 6, 8)
    made = head(looks=True)
    made([frames[0]])
    made([frames[1]])
    (expected,) = made([frames[2]])
    made.reset()
    made([frames[3], frames[1][torch.randperm(6)]])
    _, found = made([frames[0], frames[2]])
    torch.testing.assert_close(tuple(found), tuple(expected))


def test_the_attention_is_that_of_the_formula():
    made, queries, before = head(looks=True), torch.randn(3, 8), torch.randn(5, 8)
    layer = made.attention
    q, k, v = (
        part.T @ side.T
        for part, side in zip(
            layer.attn.in_proj_weight.view(3, 8, 8).transpose(1, 2),
            [layer.norm(queries), layer.norm(before), layer.norm(before)],
        )
    )
    heads = []
    for rows in (slice(0, 4), slice(4, 8)):
        weights = (q[rows].T @ k[rows] / 2).softmax(1)
        heads.append(weights @ v[rows].T)
    torch.testing.assert_close(
        layer(queries, before), queries + torch.cat(heads, dim=1)
    )


def test_a_detector_with_it_finds_what_it_found_without():
    """Bit for bit, when it is trained too; the merge head's vectors as well."""
    model, other = trained(tracker()), trained(online_model())
    state = model.state_dict()
    other.load_state_dict({name: state[name] for name in other.state_dict()})
    torch.nn.init.eye_(model.track_head.attention.attn.out_proj.weight)
    frames = [frame(0, 900), frame(1, 700)]
    for one in frames:
        (found,), (expected,) = step(model, one), step(other, one)
        assert equal(found, expected)
        assert (found.instance_feats == expected.instance_feats).all()
        number = len(expected.instance_scores)
        assert found.instance_track_feats.shape == (number, 12)
        assert found.instance_part_feats.shape == (number, 12)


def test_what_is_not_trained_does_not_move():
    """Not even the statistics of norms; the losses are those of tracking."""
    model = tracker(track_alone=True).train()
    inputs, samples = (part[:2] for part in sequence())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    learn = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learn, lr=1e-2)
    for _ in range(2):  # the attention's inner layers learn once its last one has
        losses = model(inputs, samples, mode="loss")
        assert set(losses) == {"track_loss", "part_loss"}
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    moved = {n for n, value in model.state_dict().items() if not value.equal(before[n])}
    assert moved == {name for name in before if name.startswith("track_head.")}
    assert not model.backbone.training and model.track_head.training
    assert not model.eval().track_head.training


def test_trained_together_its_losses_reach_every_part():
    model, (inputs, samples) = tracker(), (part[:2] for part in sequence())
    losses = model(inputs, samples, mode="loss")
    assert {"inst_loss", "merge_loss_tmp", "track_loss", "part_loss"} < set(losses)
    (losses["track_loss"] + losses["part_loss"]).backward()
    reached = {
        n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None
    }
    assert reached == {"backbone", "pool", "decoder", "memory", "track_head"}


def test_weights_without_it_say_what_is_new():
    model, state = tracker(), online_model().state_dict()
    with pytest.raises(
        CheckpointError, match=r"(?s)\(14 keys\).*track_head\.attention"
    ):
        load_weights(model, {"state_dict": state}, "online.pth")
    policy = LoadPolicy(allow_missing=(r"^track_head\.",))
    report = load_weights(model, {"state_dict": state}, "online.pth", policy)
    assert any("14 keys missing" in note for note in report.notes)
    assert model.decoder.out_cls[0].weight.equal(state["decoder.out_cls.0.weight"])
    kept = {"state_dict": model.state_dict()}
    with pytest.raises(CheckpointError, match=r"track_head\.attention"):
        load_weights(online_model(), kept, "tracking.pth")
    load_weights(narrow_model(), kept, "tracking.pth")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"track_criterion": TRACKING["track_criterion"]}, "got track_head=None, "),
        ({"track_alone": True}, "track_head=None.*track_alone=True"),
        ({"track_head": TRACKING["track_head"]}, "track_criterion=None"),
        ({"association": "tracking"}, '"tracking" needs a `track_head`, got None'),
    ],
)
def test_half_a_tracker_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        online_model(**changes)


def test_scenes_are_those_of_frame_after_frame():
    """A prediction of sequences by the rule is that of the steps."""
    model = trained(tracker(association="tracking", least_score=0.0))
    data = [model.data_preprocessor(batch(frame(seed, 500))) for seed in range(2)]
    inputs, samples = ([one[name] for one in data] for name in data[0])
    scene = SceneInstances("tracking", 1, 0.0)
    for one, own in zip(inputs, samples):
        superpoints = own[0].gt_pts_seg.sp_pts_mask.numpy()
        (found,) = model.step(one, own)
        scene.add(one["points"][0][:, :3].numpy(), superpoints, found.pred_pts_seg)
    (whole,) = model.predict(inputs, samples)
    assert len(scene.tracks.lately()[0]) and equal(whole.pred_pts_seg, scene.result())
