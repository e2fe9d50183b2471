"""A narrow VGGT on a plane in memory: what the tests of training train."""

import torch

from tests.views.worlds import PlaneDataset
from vantage3d.process.seeding import SeededIndex
from vantage3d.registry import DATASETS, MODELS
from vantage3d.views.batch import collate_views

NET = dict(
    img_size=56,
    embed_dim=32,
    depth=4,
    num_heads=2,
    patch_embed=dict(embed_dim=32, depth=2, num_heads=2),
    camera_head=dict(trunk_depth=1, num_heads=2),
    dpt=dict(
        features=16, out_channels=[8, 16, 16, 16], intermediate_layer_idx=[0, 1, 2, 3]
    ),
    enable_point=False,
    enable_track=False,
)
LORA = dict(
    rank=2,
    alpha=4,
    dropout=0.1,
    target_modules=["depth_head.*", "aggregator.*_blocks.[23].*"],
)
CRITERION = dict(type="MultiTaskLoss", camera=dict(weight=5.0), depth=dict(weight=1.0))


@DATASETS.register_module()
class ToyViews(PlaneDataset):
    """The plane, without the frame that cannot be used."""

    numbers = {"a": range(6), "b": range(20, 26)}


def estimator(seed=0, **options):
    """A narrow estimator with adapters; the same seed gives the same base."""
    torch.manual_seed(seed)
    arguments = {**NET, "lora": LORA, "criterion": CRITERION, **options}
    return MODELS.build({"type": "VGGTEstimator", **arguments})


def batch(samples=2, frames=3, seed=0):
    """Collated samples of the plane."""
    dataset = ToyViews("", frames=frames, image_size=56, aspect=0.5)
    return collate_views([dataset[SeededIndex(i, seed + i)] for i in range(samples)])
