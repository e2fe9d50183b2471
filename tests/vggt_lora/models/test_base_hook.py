"""The base is hashed after training; the base alone can be predicted with."""

from types import SimpleNamespace

import pytest
import torch

from tests.vggt_lora.models import toy
from tests.vggt_lora.models.test_adapters import step
from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.vggt_lora.models.adapter_files import base_hashes
from vantage3d.vggt_lora.models.base_hook import BaseUntouchedHook


def test_hashes_after_training_are_those_of_the_plain_network():
    model = step(toy.estimator(), 2)
    runner = SimpleNamespace(model=model, iter=2)
    BaseUntouchedHook().after_train(runner)
    BaseUntouchedHook().after_test(runner)
    assert model.adapters.base_now() == base_hashes(toy.estimator(lora=None))


def test_a_changed_base_is_named():
    model = toy.estimator()
    with torch.no_grad():
        model.get_parameter("aggregator.camera_token")[0, 0, 0, 0] += 1e-6
    runner = SimpleNamespace(model=model, iter=7)
    message = (
        "changed after 7 iterations of training: SHA-256 of its aggregator was "
        f"{model.adapters.base['aggregator'][:12]}"
    )
    with pytest.raises(CheckpointError, match=message):
        BaseUntouchedHook().after_train(runner)


def test_the_base_predicts_as_if_there_were_no_adapters():
    both, adapted = (step(toy.estimator(predict_base=p), 3) for p in (True, False))
    with torch.no_grad():
        found, again, plain = (
            model.eval()(**toy.batch(), mode="predict")
            for model in (both, adapted, toy.estimator(lora=None))
        )
    for ours, base, alone in zip(found, plain, again, strict=True):
        assert len(ours) == 2 * len(base)
        for key, value in base.items():
            assert torch.equal(ours[f"base_{key[5:]}"], value)
            assert torch.equal(ours[key], alone[key])
        assert not torch.allclose(ours["pred_depth"], base["pred_depth"], atol=1e-3)


def test_training_goes_on_after_the_base_alone():
    """Switched-off adapters would no longer be trained."""
    model = step(toy.estimator(predict_base=True), 1)
    before = {n: p.clone() for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        model.eval()(**toy.batch(), mode="predict")
    step(model.train(), 1)
    after = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert before.keys() == after.keys()
    assert not any(torch.equal(after[name], value) for name, value in before.items())


def test_without_adapters_there_is_no_other_answer():
    with pytest.raises(ConfigError, match=r"`model.predict_base` .* got True"):
        toy.estimator(lora=None, predict_base=True)
