"""MMEngine's dataset wrappers, and the configs that mix two datasets."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, DefaultSampler, RepeatDataset
from mmengine.registry import init_default_scope

from tests.rooms import DELTAS
from tests.shared import ROOT
from tests.views.agreement import same
from vantage3d.engine.loops import ClassBalancedDataset, SeededBatchSampler
from vantage3d.process.seeding import SeededIndex
from vantage3d.registry import DATASETS
from vantage3d.views.batch import collate_views
from vantage3d.views.dataset import PosedViews

SYSTEMS = {
    "vggt": dict(frames=2, image_size=56, aspect=0.5, augmentation=dict(zoom=0.2)),
    "deltas": dict(gap=20, size=(48, 64), augmentation=dict(mirror=0.5), **DELTAS),
}


@pytest.fixture(params=SYSTEMS)
def config(request, scannet):
    """Config of a dataset of each system."""
    init_default_scope("vantage3d")
    return dict(type="PosedViews", data_root=str(scannet), **SYSTEMS[request.param])


def nested(config):
    """Wrappers in wrappers, which MMEngine takes as configs alone."""
    repeated = dict(type="RepeatDataset", dataset=config, times=2)
    balanced = dict(type="ClassBalancedDataset", dataset=config, oversample_thr=0.9)
    return DATASETS.build(dict(type="ConcatDataset", datasets=[repeated, balanced]))


def test_wrappers_hand_on_seeds_and_shapes(config):
    """A wrapped sample is the sample that the seed makes of the one inside."""
    data = DATASETS.build(config)
    size = len(data)
    balanced = ClassBalancedDataset(data, oversample_thr=0.9)
    inside = balanced.repeat_indices[5]
    for wrapped, index, own in (
        (ConcatDataset([data, data]), size + 3, 3),
        (RepeatDataset(data, 2), size + 3, 3),
        (balanced, 5, inside),
        (nested(config), 2 * size + 5, inside),
    ):
        sample = wrapped[SeededIndex(index, 7)]
        assert same(sample, data[SeededIndex(own, 7)])
        assert not same(sample, data[SeededIndex(own, 8)])
        assert wrapped.metainfo == data.metainfo


def test_the_shape_of_a_dynamic_batch_reaches_the_sample(scannet):
    init_default_scope("vantage3d")
    config = dict(type="PosedViews", data_root=str(scannet), **SYSTEMS["vggt"])
    sample = nested(config)[SeededIndex(25, 7, (3, 0.25))]
    assert sample["images"].shape == (3, 3, 14, 56)


@pytest.mark.parametrize("kind", ["ConcatDataset", "RepeatDataset"])
def test_wrappers_are_built_from_configs(scannet, kind):
    init_default_scope("vantage3d")
    one = dict(type="PosedViews", data_root=str(scannet), lazy_init=True)
    one |= SYSTEMS["deltas"]
    inner = dict(datasets=[one, one]) if kind[0] == "C" else dict(dataset=one, times=2)
    wrapped = DATASETS.build(dict(type=kind, **inner))
    assert len(wrapped) == 24
    assert wrapped.get_data_info(14)["ids"] == [40, 20, 60]


def test_rare_groups_come_more_often(scannet, tmp_path):
    """The first part of a sequence's name is what is balanced."""
    data = PosedViews(str(scannet), indices=7, **SYSTEMS["deltas"])
    assert data.get_cat_ids(6) == ["scene0001_00"]
    balanced = ClassBalancedDataset(data, oversample_thr=0.5)
    assert balanced.repeat_indices.count(6) == 2  # ceil(sqrt(0.5 / (1 / 7)))
    assert balanced.repeat_indices.count(0) == 1


def test_a_resumed_loader_goes_on_with_the_same_samples(config):
    wrapped = nested(config)

    def batches(first):
        sampler = DefaultSampler(wrapped, shuffle=True, seed=3)
        seeded = SeededBatchSampler(sampler, 4, seed=3)
        seeded.start_at(1, first)
        return [[wrapped[index] for index in batch] for batch in list(seeded)[:2]]

    whole, rest = batches(0)[1], batches(1)[0]
    assert all(same(a, b) for a, b in zip(whole, rest, strict=True))


def test_subsets_are_those_of_mmengine(scannet):
    data = PosedViews(str(scannet), **SYSTEMS["deltas"])
    part = data.get_subset([3, 5])
    assert len(part) == 2 and part[1]["name"] == data[5]["name"]
    assert len(PosedViews(str(scannet), indices=4, **SYSTEMS["deltas"])) == 4


def test_a_pipeline_changes_samples(scannet):
    def dark(sample):
        return sample | {"images": sample["images"] / 2}

    plain = PosedViews(str(scannet), **{**SYSTEMS["deltas"], "augmentation": None})
    data = PosedViews(
        str(scannet), pipeline=[dark], **{**SYSTEMS["deltas"], "augmentation": None}
    )
    assert torch.equal(data[0]["images"], plain[0]["images"] / 2)


CONFIGS = {
    "vggt_lora/lora_eth3d_scannet_strategy_a": dict(image_size=56, frames=3),
    "deltas/deltas_scannet_sun3d": dict(size=(48, 64)),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_mixes_two_datasets(name, filmed, create_data, scannet, tmp_path):
    """Batches have samples of both, and one set of tensors."""
    init_default_scope("vantage3d")
    config = Config.fromfile(str(ROOT / f"configs/{name}.py")).train_dataloader
    folders = {"scannet": scannet, "eth3d": tmp_path / "eth3d", "sun3d": tmp_path}
    parts = [part.get("dataset", part) for part in config.dataset.datasets]
    for part in parts:
        other = part.preset
        if other == "sun3d":
            create_data("sun3d", filmed("sun3d"), tmp_path, "--train-scenes", "*")
            part.update(gap=1, min_baseline=0.0)
        if other == "eth3d":  # the layout does not matter here, the reader does
            part.update(preset="annotations")
            folders["eth3d"] = scannet
        part.update(data_root=str(folders[other]), **CONFIGS[name])
    data = DATASETS.build(config.dataset)
    last = len(data) - 1
    batch = collate_views([data[SeededIndex(index, 0)] for index in (0, last)])
    names = [sample["dataset"] for sample in batch["data_samples"]]
    assert len(set(names)) == 2
    assert batch["inputs"]["images"].shape[0] == 2
    assert np.isfinite(batch["inputs"]["cam2world"]).all()
