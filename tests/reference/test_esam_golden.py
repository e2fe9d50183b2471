"""Values that the reference implementation computed: esam_golden.json."""

import json

import pytest
import torch
from numpy.testing import assert_allclose

from tests.reference.golden_fill import det, sine_fill
from tests.shared import need
from vantage3d.esam.losses import ScanNetMixedCriterion, SparseMatcher, frame_targets
from vantage3d.esam.losses.mask_losses import (
    batch_dice_loss,
    batch_sigmoid_bce_loss,
    dice_loss,
    mask_iou,
)
from vantage3d.esam.models import (
    GeoAwarePooling,
    Res16UNet34C,
    ScanNetMixQueryDecoder,
    mask_matrix_nms,
)
from vantage3d.sparse import SparseTensor

COSTS = [
    {"type": "QueryClassificationCost", "weight": 0.5},
    {"type": "MaskBCECost", "weight": 1.0},
    {"type": "MaskDiceCost", "weight": 1.0},
]
SEGMENTS = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2, 2, 3])
ROUNDED = 2e-6  # the file has six decimals


@pytest.fixture(scope="module")
def golden() -> dict:
    return json.loads(need("golden/esam_golden.json").read_text())


@pytest.mark.parametrize("kernel", ["linear", "gaussian"])
def test_matrix_nms(golden, kernel):
    expected = golden[f"matrix_nms_{kernel}"]
    labels = torch.tensor([0, 0, 1, 0, 1, 0])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    scores, keep = mask_matrix_nms(det((6, 10)) * 0.5 + 0.5, labels, scores, kernel)
    assert_allclose(scores, expected["scores"], atol=ROUNDED)
    assert keep.tolist() == expected["keep"]
    assert labels[keep].tolist() == expected["labels"]


def test_mask_losses(golden):
    expected = golden["losses"]
    pred, gt = det((5, 12), 1.3) * 3, det((3, 12), 0.9) > 0
    assert_allclose(
        batch_sigmoid_bce_loss(pred, gt), expected["batch_bce"], atol=ROUNDED
    )
    assert_allclose(batch_dice_loss(pred, gt), expected["batch_dice"], atol=ROUNDED)
    assert_allclose(dice_loss(pred[:3], gt), expected["dice"], atol=ROUNDED)
    assert_allclose(mask_iou(pred[:3], gt), expected["iou"], atol=ROUNDED)


@pytest.mark.parametrize("legacy", [False, True])
def test_sparse_matcher(golden, legacy):
    expected = golden["sparse_matcher"]
    matcher = SparseMatcher(COSTS, topk=1, legacy=legacy)
    pred, gt = det((5, 12), 1.3) * 3, det((3, 12), 0.9) > 0
    cls, labels = det((5, 2), 0.5), torch.zeros(3, dtype=torch.int64)
    inside = torch.tensor([[1, 1, 0, 0, 1], [0, 1, 1, 1, 0], [0, 0, 0, 1, 1]]).bool()
    cost = matcher.cost(cls, pred, labels, gt)
    assert_allclose(cost, expected["cost"], atol=ROUNDED)
    queries, instances = matcher(cls, pred, labels, gt, inside)
    assert queries.tolist() == expected["query_ids"]
    assert instances.tolist() == expected["gt_ids"]


def mixed_head(n_masks: int, b: float) -> dict:
    return {
        "cls_preds": [det((4, 2), 0.5, b), det((4, 2), 0.6, b)],
        "masks": [2 * det((4, n_masks), 1.3, b), 2 * det((4, n_masks), 1.1, b)],
        "scores": None,
        "bboxes": None,
    }


def mixed_targets():
    instance_ids = torch.full((12,), -1)
    instance_ids[:5], instance_ids[6:9] = 0, 1
    for k in range(2):
        masks = torch.zeros(6, 4, dtype=torch.bool)
        masks[0, :2] = masks[1, 2] = True
        masks[2 + k, 0] = masks[3, 1] = masks[4, 2] = masks[5, 3] = True
        labels = torch.tensor([1, 0, 0, 0, 0, 0])
        yield frame_targets(labels, masks, instance_ids, torch.arange(4), 3)


def test_mixed_criterion_of_two_samples(golden):
    """`legacy` reproduces the published aux dice weight of 4/B."""
    criterion = ScanNetMixedCriterion(
        num_semantic_classes=3,
        sem_criterion={
            "type": "ScanNetSemanticCriterion",
            "ignore_index": 3,
            "loss_weight": 0.5,
        },
        inst_criterion={
            "type": "MixedInstanceCriterion",
            "matcher": {"type": "SparseMatcher", "costs": COSTS, "topk": 1},
            "loss_weight": [0.5, 1.0, 1.0, 0.5],
            "num_classes": 1,
            "legacy": True,
        },
    )
    pred = mixed_head(12, 0.3)
    pred["sem_preds"] = [det((4, 4), 0.8), det((4, 4), 0.4)]
    aux = [mixed_head(n, b) for n, b in ((4, 0.1), (4, 0.5), (12, 0.9))]
    pred["aux_outputs"] = aux
    losses = criterion(pred, list(mixed_targets()), ["SP", "SP", "P", "P"])
    for name, expected in golden["mixed_criterion_B2"].items():
        assert_allclose(losses[name], expected, rtol=1e-6)


def test_geo_pool(golden):
    expected = golden["geo_pool_C8"]
    pool = sine_fill(GeoAwarePooling(8))
    with torch.no_grad():
        out, centres, weight = pool(det((10, 8)), SEGMENTS, det((10, 3), 0.23))
    assert_allclose(out, expected["out"], atol=ROUNDED)
    assert_allclose(weight, expected["w"], atol=ROUNDED)
    assert_allclose(centres, expected["out_with_xyz_last3"], atol=ROUNDED)


def test_decoder(golden):
    expected = golden["decoder_small"]
    decoder = sine_fill(
        ScanNetMixQueryDecoder(
            num_layers=3,
            num_instance_classes=1,
            num_semantic_classes=5,
            in_channels=8,
            d_model=16,
            num_heads=2,
            hidden_dim=32,
            bbox_flag=True,
        )
    )
    assert sum(p.numel() for p in decoder.parameters()) == expected["n_params"]
    sp_feats = [det((4, 8), 0.31)]
    weights = [torch.tensor(golden["geo_pool_C8"]["w"])]
    with torch.no_grad():
        out = decoder(sp_feats, [det((10, 11), 0.47)], sp_feats, [SEGMENTS], weights)
    assert_allclose(out["cls_preds"][0], expected["cls"], atol=ROUNDED)
    assert_allclose(out["sem_preds"][0], expected["sem"], atol=ROUNDED)
    assert_allclose(out["masks"][0], expected["masks"], atol=ROUNDED)
    assert_allclose(out["bboxes"][0], expected["bboxes"], atol=ROUNDED)
    for i in (0, 2):
        masks = out["aux_outputs"][i]["masks"][0]
        assert_allclose(masks, expected[f"aux{i}_masks"], atol=ROUNDED)


def test_backbone(golden):
    expected, stem = golden["backbone_fill"], golden["backbone_stem"]
    net = sine_fill(Res16UNet34C(3, 96))
    grid = [(x, y) for x in range(-12, 12) for y in range(-12, 12)]
    coords = torch.tensor([(0, x, y, (7 * x + 3 * y) % 11 - 5) for x, y in grid])
    assert len(coords) == expected["n_voxels"]
    voxels = SparseTensor(det((576, 3), 0.17), coords)
    with torch.no_grad():
        first = net.relu(net.bn0(net.conv0p1s1(voxels))).features
        out = net(voxels).features
    assert_allclose(first.mean(), stem["mean"], rtol=1e-5)
    assert_allclose(first[0, :6], stem["row0"], atol=1e-6)
    assert_allclose(out.mean(), expected["mean"], rtol=1e-5)
    assert_allclose(out.std(), expected["std"], rtol=1e-5)
    assert_allclose(out.abs().max(), expected["absmax"], rtol=1e-5)
    assert_allclose(out[0, :8], expected["first_row_first8"], atol=1e-6)
    assert_allclose(out[-1, -8:], expected["last_row_last8"], atol=1e-6)
    assert_allclose(out.sum(0)[:4], expected["col_sums_first4"], rtol=1e-5)
