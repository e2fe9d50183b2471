"""Small detectors and made-up frames for the tests of the models."""

import torch
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.structures import InstanceData

from vantage3d.esam.models import ScanNet200MixFormer3D

N_SEM = 4


def model_config(**changes) -> dict:
    """Arguments of a narrow class-agnostic detector."""
    config = {
        "voxel_size": 0.05,
        "num_classes": 1,
        "query_thr": 0.5,
        "backbone": {
            "type": "Res16UNet34C",
            "in_channels": 3,
            "out_channels": 8,
            "planes": (8, 8, 16, 16, 16, 16, 8, 8),
            "layers": (1,) * 8,
            "init_dim": 8,
        },
        "pool": {"type": "GeoAwarePooling", "channel_proj": 8},
        "decoder": {
            "type": "ScanNetMixQueryDecoder",
            "num_layers": 3,
            "num_instance_classes": 1,
            "num_semantic_classes": N_SEM,
            "in_channels": 8,
            "d_model": 16,
            "num_heads": 2,
            "hidden_dim": 32,
        },
        "criterion": {
            "type": "ScanNetMixedCriterion",
            "num_semantic_classes": N_SEM,
            "sem_criterion": {
                "type": "ScanNetSemanticCriterion",
                "ignore_index": N_SEM,
                "loss_weight": 0.5,
            },
            "inst_criterion": {
                "type": "MixedInstanceCriterion",
                "matcher": {
                    "type": "SparseMatcher",
                    "topk": 1,
                    "costs": [
                        {"type": "QueryClassificationCost", "weight": 0.5},
                        {"type": "MaskBCECost", "weight": 1.0},
                        {"type": "MaskDiceCost", "weight": 1.0},
                    ],
                },
                "loss_weight": [0.5, 1.0, 1.0, 0.5],
                "num_classes": 1,
            },
        },
        "test_cfg": {"topk_insts": 20, "npoint_thr": 5},
    }
    return {**config, **changes}


def narrow_model(seed: int = 0, **changes) -> ScanNet200MixFormer3D:
    """A detector with weights from ``seed``."""
    torch.manual_seed(seed)
    return ScanNet200MixFormer3D(**model_config(**changes))


def frame(seed: int, num_points: int, num_boxes: int = 3):
    """Points (N, 6) on coloured boxes above a floor, and their annotation.

    Each box is two superpoints; the floor (class 1, no instance) is two more.
    """
    generator = torch.Generator().manual_seed(seed)
    xyz = torch.rand(num_points, 3, generator=generator)
    part = torch.arange(num_points) % (2 * num_boxes + 2)
    owner = part // 2  # num_boxes is the floor
    xyz[:, 0] += 1.5 * owner
    xyz[:, 1] = (xyz[:, 1] + part % 2) / 2
    xyz[owner == num_boxes, 2] = 0
    colour = torch.stack([owner / num_boxes, owner % 2, (owner + 1) % 3], dim=1)
    points = torch.cat([xyz, colour.float() - 0.5], dim=1)
    instance = torch.where(owner == num_boxes, -1, owner)
    masks = torch.zeros(num_boxes + N_SEM + 1, 2 * num_boxes + 2, dtype=torch.bool)
    masks[:num_boxes] = instance_rows(num_boxes)
    masks[num_boxes + 2, : 2 * num_boxes] = True
    masks[num_boxes + 1, 2 * num_boxes :] = True
    return points, sample(points, instance, part, masks)


def instance_rows(num_boxes: int) -> torch.Tensor:
    """(G, M) bool: superpoints 2g and 2g+1 belong to box g."""
    owner = torch.arange(2 * num_boxes + 2) // 2
    return owner[None] == torch.arange(num_boxes)[:, None]


def sample(points, instance, superpoints, masks) -> Det3DDataSample:
    """Data sample as Pack3DDetInputs_ makes it."""
    out = Det3DDataSample()
    out.gt_instances_3d = InstanceData(
        labels_3d=torch.zeros(len(masks), dtype=torch.int64), sp_masks=masks
    )
    out.gt_pts_seg = PointData(
        pts_semantic_mask=torch.zeros(len(points), dtype=torch.int64),
        pts_instance_mask=instance,
        sp_pts_mask=superpoints,
    )
    return out


def batch(*frames) -> dict:
    """What the collate function gives."""
    points, samples = zip(*frames)
    return {"inputs": {"points": list(points)}, "data_samples": list(samples)}
