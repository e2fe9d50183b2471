"""Every config builds: model, pipelines, dataset classes, metrics, schedule."""

import copy
from functools import cache
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from vantage3d.engine.configs.config import check_config
from vantage3d.registry import DATASETS, METRICS, MODELS, TRANSFORMS

ROOT = Path(__file__).resolve().parent.parent
LEAVES = sorted(
    path for path in (ROOT / "configs").rglob("*.py") if "_base_" not in path.parts
)
ESAM = [path for path in LEAVES if path.parent.name.startswith("ESAM")]


def parts(loader):
    """The datasets of a loader, those of a mixture one by one; none of no loader."""
    if loader is None:
        return []
    return loader.dataset.get("datasets", [loader.dataset])


def names(paths):
    return [str(path.relative_to(ROOT / "configs")) for path in paths]


@cache
def parsed(path: Path) -> Config:
    """A sixth of a second of mmengine's, paid once for all the tests that read it."""
    return Config.fromfile(str(path))


@pytest.fixture(params=LEAVES, ids=names(LEAVES))
def config(request) -> Config:
    init_default_scope("vantage3d")
    return copy.deepcopy(parsed(request.param))


@pytest.fixture(params=ESAM, ids=names(ESAM))
def esam(request) -> Config:
    """Configs of VGGT are built in tests/vggt_lora/test_configs.py."""
    init_default_scope("vantage3d")
    return copy.deepcopy(parsed(request.param))


def test_leaf_says_purpose_and_command(config):
    text = Path(config.filename).read_text()
    assert text.startswith('"""')
    tool = "train" if config.train_dataloader is not None else "test"
    assert f"tools/{tool}.py configs/{Path(config.filename).parent.name}/" in text


def test_every_key_and_argument_is_read(config):
    check_config(config)


def test_inheritance_is_at_most_two_levels_deep(config):
    def depth(path: Path) -> int:
        base = Config._get_base_files(str(path))  # mmengine has no public reader
        parents = [depth((path.parent / name).resolve()) for name in base]
        return 1 + max(parents, default=-1)

    assert depth(Path(config.filename)) <= 2


def test_model_classes_agree_with_the_data(esam):
    network = (esam.model.get("image_features") or {}).get("backbone")
    if network is not None:
        network.random_weights = True
    with torch.device("meta"):
        model = MODELS.build(esam.model)
    loader = esam.train_dataloader or esam.test_dataloader
    dataset_class = DATASETS.get(parts(loader)[0].type)
    number = len(dataset_class.METAINFO["classes"])
    if dataset_class.__name__.startswith("NYU40"):  # nothing is trained on these
        assert esam.model.num_classes == 1
        number = esam.model.decoder.num_semantic_classes
    assert esam.model.decoder.num_semantic_classes == number
    assert esam.model.criterion.sem_criterion.ignore_index == number
    assert model.decoder.out_cls[-1].out_features == esam.model.num_classes + 1
    assert esam.test_evaluator.class_agnostic == (esam.model.num_classes == 1)


@pytest.mark.parametrize("loader", ["train_dataloader", "test_dataloader"])
def test_pipelines_build_and_voxelise_as_the_model(esam, loader):
    for transform in (step for part in parts(esam[loader]) for step in part.pipeline):
        TRANSFORMS.build(transform)
        if transform.type == "ElasticTransfrom":
            assert transform.voxel_size == esam.model.voxel_size


def test_metrics_build(config):
    assert (config.val_dataloader is None) == (config.val_evaluator is None)
    for evaluator in (config.test_evaluator, config.val_evaluator or []):
        for metric in evaluator if isinstance(evaluator, list) else [evaluator]:
            METRICS.build(metric)
