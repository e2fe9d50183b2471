"""The decoder: ragged batches, levels, attention masks, errors."""

import pytest
import torch

from vantage3d.esam.models import ScanNetMixQueryDecoder
from vantage3d.esam.models.query_decoder import FFN, superpoints_outside


def decoder(**changes):
    torch.manual_seed(0)
    config = {
        "num_layers": 3,
        "num_instance_classes": 2,
        "num_semantic_classes": 5,
        "in_channels": 6,
        "d_model": 16,
        "num_heads": 2,
        "hidden_dim": 32,
    }
    return ScanNetMixQueryDecoder(**{**config, **changes}).eval()


def frames(*sizes):
    """Superpoint features, point features, queries, superpoints and weights."""
    generator = torch.Generator().manual_seed(1)
    made = []
    for num_superpoints, num_points, num_queries in sizes:
        sp_feats = torch.randn(num_superpoints, 6, generator=generator)
        made.append(
            (
                sp_feats,
                torch.randn(num_points, 9, generator=generator),
                sp_feats[:num_queries],
                torch.arange(num_points) % num_superpoints,
                2 * torch.rand(num_points, 1, generator=generator),
            )
        )
    return [list(column) for column in zip(*made)]


def test_shapes_of_every_head():
    out = decoder(objectness_flag=True, bbox_flag=True)(*frames((5, 12, 4), (3, 20, 3)))
    assert [x.shape for x in out["cls_preds"]] == [(4, 3), (3, 3)]
    assert [x.shape for x in out["masks"]] == [(4, 12), (3, 20)]
    assert [x.shape for x in out["sem_preds"]] == [(4, 6), (3, 6)]
    assert [x.shape for x in out["queries"]] == [(4, 16), (3, 16)]
    assert [x.shape for x in out["scores"]] == [(4, 1), (3, 1)]
    assert [x.shape for x in out["bboxes"]] == [(4, 6), (3, 6)]
    assert all((boxes[:, 3:] > 0).all() for boxes in out["bboxes"])
    widths = [[x.shape[1] for x in aux["masks"]] for aux in out["aux_outputs"]]
    assert widths == [[5, 3], [5, 3], [12, 20]]


def test_batch_of_unequal_frames_equals_each_alone():
    net, inputs = decoder(), frames((5, 12, 4), (3, 20, 3))
    both = net(*inputs)
    for i in range(2):
        alone = net(*(column[i : i + 1] for column in inputs))
        for key in ("cls_preds", "masks", "sem_preds"):
            torch.testing.assert_close(both[key][i], alone[key][0])


@pytest.mark.parametrize("masks", [("SP", "P"), ("P", "P"), ("P", "SP"), ("SP", "SP")])
@pytest.mark.parametrize("cross", ["SP", "P"])
def test_every_combination_of_levels_runs_and_trains_all_weights(cross, masks):
    net = decoder(num_layers=1, cross_attn_mode=["", cross], mask_pred_mode=masks)
    out = net(*frames((5, 12, 4)))
    heads = [*out["aux_outputs"], out]
    total = sum(
        h[key][0].square().sum() for h in heads for key in ("masks", "cls_preds")
    )
    (total + out["sem_preds"][0].square().sum()).backward()
    # With no superpoint looked at and none masked, only the projections differ.
    unused = {n.split(".")[0] for n, p in net.named_parameters() if p.grad is None}
    assert unused <= ({"input_proj"} if cross == "P" else set())


def test_carrying_a_point_mask_to_superpoints_is_a_weighted_vote():
    generator = torch.Generator().manual_seed(0)
    hidden = torch.rand(8, 30, generator=generator) > 0.4
    hidden[0], hidden[1] = True, False
    ids, weights = torch.arange(30) % 4, 2 * torch.rand(30, 1, generator=generator)
    got = superpoints_outside(hidden, ids, weights)
    for q in range(8):
        votes = [(hidden[q] * weights[:, 0])[ids == s].mean() for s in range(4)]
        expected = [float(vote) > 0.5 and vote > min(votes) for vote in votes]
        assert got[q].tolist() == [bool(value) for value in expected]
    assert not got.all(1).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cross_attn_mode": ["SP"] * 4}, r"the first one of \(''.*got \['SP', 'SP'"),
        (
            {"cross_attn_mode": ["", "SP"]},
            r"num_layers \+ 1 = 4 entries.*got \['', 'SP'\]",
        ),
        ({"mask_pred_mode": ["SP", "X", "P", "P"]}, "got .*'X'"),
        ({"activation_fn": "tanh"}, "got 'tanh'"),
    ],
)
def test_wrong_options(changes, message):
    with pytest.raises(ValueError, match=message):
        decoder(**changes)


def test_ffn_keeps_its_input_where_its_weights_are_zero():
    block = FFN(4, 8, 0.0, "relu")
    torch.nn.init.zeros_(block.net[3].weight)
    torch.nn.init.zeros_(block.net[3].bias)
    x = torch.randn(3, 4)
    torch.testing.assert_close(block(x), block.norm(x))
