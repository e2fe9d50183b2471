"""Adapters on disk: small, complete, tied to their base, readable by plain peft."""

import json
import re
import warnings
from types import SimpleNamespace

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from tests.vggt_lora.models import toy
from tests.vggt_lora.models.test_adapters import close, outputs, step
from vantage3d.engine.checkpoints.file import read_checkpoint, write_checkpoint
from vantage3d.engine.checkpoints.plain import to_plain
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.io.sidecars import write_hashed_bytes
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.models.adapters import (
    CONFIG,
    WEIGHTS,
    BaseUntouchedHook,
    base_hashes,
    merged_weights,
)


def exported(model, folder):
    model.export(to_plain(model.state_dict()), folder)
    return folder


def through_a_checkpoint(model, path):
    """What the runner reads after it has written."""
    write_checkpoint({"meta": {}, "state_dict": to_plain(model.state_dict())}, path)
    return read_checkpoint(path)


def with_lora(**changes):
    return {**toy.LORA, **changes}


def test_a_state_dict_holds_trained_parameters_only(tmp_path):
    model = toy.estimator()
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert list(model.state_dict()) == trained
    assert all(".lora_" in name for name in trained)
    full = toy.estimator(lora=None)
    assert list(full.state_dict()) == [name for name, _ in full.named_parameters()]


def test_a_checkpoint_brings_back_the_function(tmp_path):
    model = step(toy.estimator(), 2)
    checkpoint = through_a_checkpoint(model, tmp_path / "a.pth")
    other = toy.estimator()
    load_weights(other, checkpoint, "a.pth")
    close(outputs(other), outputs(model), 0)


def test_another_base_is_refused(tmp_path):
    checkpoint = through_a_checkpoint(toy.estimator(), tmp_path / "a.pth")
    with pytest.raises(
        CheckpointError, match=r"another base: SHA-256 of its aggregator"
    ):
        load_weights(toy.estimator(seed=1), checkpoint, "a.pth")
    model = toy.estimator(lora=None)
    with torch.no_grad():
        model.depth_head.norm.bias[0] += 1e-6
    base = tmp_path / "base.pth"
    write_checkpoint({"meta": {}, "state_dict": to_plain(model.state_dict())}, base)
    almost = toy.estimator(seed=1, base_weights=str(base))
    with pytest.raises(CheckpointError, match="SHA-256 of its depth_head"):
        load_weights(almost, checkpoint, "a.pth")


def test_a_head_more_is_no_other_base(tmp_path):
    """Heads that the training lacked do not matter, only those that both have."""
    model = step(toy.estimator())
    base = tmp_path / "base.pth"
    whole = toy.estimator(lora=None, enable_point=True)
    state = whole.state_dict() | toy.estimator(lora=None).state_dict()
    write_checkpoint({"meta": {}, "state_dict": to_plain(state)}, base)
    other = toy.estimator(seed=3, enable_point=True, base_weights=str(base))
    load_weights(other, through_a_checkpoint(model, tmp_path / "a.pth"), "a.pth")
    ours, theirs = outputs(other), outputs(model)
    close({key: ours[key] for key in theirs}, theirs, 0)


def test_another_rank_is_refused(tmp_path):
    checkpoint = through_a_checkpoint(toy.estimator(), tmp_path / "a.pth")
    model = toy.estimator(lora=with_lora(rank=3))
    with pytest.raises(CheckpointError, match=r"rank 2, the model's have rank 3"):
        load_weights(model, checkpoint, "a.pth")


def test_other_layers_are_refused_by_name(tmp_path):
    checkpoint = through_a_checkpoint(toy.estimator(), tmp_path / "a.pth")
    fewer = toy.estimator(lora=with_lora(target_modules=["depth_head.*"]))
    with pytest.raises(CheckpointError, match=r"aggregator.frame_blocks: 16"):
        load_weights(fewer, checkpoint, "a.pth")
    more = toy.estimator(lora=with_lora(target_modules=["*_head.*"]))
    with pytest.raises(CheckpointError, match=r"camera_head.trunk: 8"):
        load_weights(more, checkpoint, "a.pth")


def test_whole_weights_are_no_adapters(tmp_path):
    checkpoint = through_a_checkpoint(toy.estimator(lora=None), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"no adapters.*base_weights=FILE"):
        load_weights(toy.estimator(), checkpoint, "a.pth")


def test_another_alpha_keeps_the_learned_update(tmp_path):
    """The reference project halved its updates when it went from alpha 32 to 16."""
    model = step(toy.estimator(), 2)
    checkpoint = through_a_checkpoint(model, tmp_path / "a.pth")
    other = toy.estimator(lora=with_lora(alpha=1))
    load_weights(other, checkpoint, "a.pth")
    close(outputs(other), outputs(model), 1e-6)
    with pytest.raises(AssertionError):
        close(outputs(toy.estimator()), outputs(model), 1e-4)


def test_training_goes_on_from_an_exported_adapter(tmp_path):
    model = step(toy.estimator(), 2)
    folder = exported(model, tmp_path / "adapter")
    other = toy.estimator(lora=with_lora(alpha=2, adapter=str(folder)))
    close(outputs(other), outputs(model), 1e-6)
    with pytest.raises(CheckpointError, match="another base"):
        toy.estimator(seed=1, lora=with_lora(adapter=str(folder)))


def test_plain_peft_loads_an_exported_adapter(tmp_path):
    model = step(toy.estimator(), 2)
    folder = exported(model, tmp_path / "adapter")
    base = MODELS.build({"type": "VGGT", **toy.NET})
    base.load_state_dict(toy.estimator(lora=None).state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        theirs = PeftModel.from_pretrained(base, str(folder)).eval()
    with torch.no_grad():
        close(theirs(toy.batch()["inputs"]["images"]), outputs(model), 1e-6)
    merged = theirs.merge_and_unload().state_dict()
    ours = merged_weights(model)
    assert list(merged) == list(ours)
    torch.testing.assert_close(merged, ours)


def test_the_files_say_what_they_are(tmp_path):
    model = toy.estimator()
    folder = exported(model, tmp_path / "adapter")
    config = json.loads((folder / CONFIG).read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (2, 4, "LORA")
    assert re.search(r"aggregator=sha256:[0-9a-f]{64}", config["revision"])
    tensors = load_file(folder / WEIGHTS)
    assert len(tensors) == 2 * len(config["target_modules"])
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert sum(value.numel() for value in tensors.values()) == trained


@pytest.mark.parametrize("missing", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(tmp_path, missing):
    folder = exported(toy.estimator(), tmp_path / "adapter")
    (folder / missing).unlink()
    with pytest.raises(CheckpointError, match=f"lacks .*{missing}"):
        toy.estimator(lora=with_lora(adapter=str(folder)))


def test_an_adapter_that_does_not_tell_its_base_is_refused(tmp_path):
    folder = exported(toy.estimator(), tmp_path / "adapter")
    config = json.loads((folder / CONFIG).read_text())
    text = json.dumps(config | {"revision": None})
    write_hashed_bytes(folder / CONFIG, text.encode())
    with pytest.raises(CheckpointError, match="must give the hashes of the base"):
        toy.estimator(lora=with_lora(adapter=str(folder)))


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


@pytest.mark.bitwise
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
