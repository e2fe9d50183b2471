"""A loss that is not finite stops the run before the weights change."""

import json

import pytest
import torch
from mmengine.structures import BaseDataElement
from torch import nn

from tests.engine import runs
from vantage3d.engine import AmpOptimWrapper, OptimWrapper
from vantage3d.engine.errors import ConfigError, NonFiniteError
from vantage3d.engine.nonfinite import (
    describe_batch,
    loss_terms,
    sample_names,
    write_report,
)


def wrapper() -> tuple[nn.Parameter, OptimWrapper]:
    weight = nn.Parameter(torch.tensor([4.0, 0.0]))
    return weight, OptimWrapper(torch.optim.SGD([weight], lr=0.1))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_loss_is_checked_before_backward(value):
    weight, optim = wrapper()
    with pytest.raises(NonFiniteError, match=f"the loss is {value}"):
        optim.update_params(weight.sum() + value)
    assert weight.tolist() == [4.0, 0.0]
    assert weight.grad is None


def test_gradient_is_checked_before_the_step():
    """sqrt(0) is finite, its slope is not."""
    weight, optim = wrapper()
    with pytest.raises(NonFiniteError, match="the gradient norm is inf"):
        optim.update_params(weight.sqrt().sum())
    assert weight.tolist() == [4.0, 0.0]


def test_a_finite_step_is_taken():
    weight, optim = wrapper()
    optim.update_params(weight.square().sum())
    assert weight.tolist() == pytest.approx([3.2, 0.0])


def test_steps_are_skipped_and_counted_up_to_a_limit():
    weight, plain = wrapper()
    optim = OptimWrapper(plain.optimizer, max_skipped=2)
    problems = []
    optim.on_skip = problems.append
    optim.update_params(weight.sum() * float("nan"))
    optim.update_params(weight.sqrt().sum())  # its slope at 0 is infinite
    assert weight.tolist() == [4.0, 0.0] and optim.skipped_steps == 2
    assert problems == ["the loss is nan", "the gradient norm is inf"]
    optim.update_params(weight.square().sum())
    assert weight.tolist() == pytest.approx([3.2, 0.0])
    with pytest.raises(NonFiniteError, match="the loss is inf, and 2 steps were skip"):
        optim.update_params(weight.sum() + float("inf"))
    again = OptimWrapper(plain.optimizer, max_skipped=2)
    again.load_state_dict(optim.state_dict())
    assert again.skipped_steps == 2
    assert "skipped_steps" not in plain.state_dict()


def test_what_was_accumulated_is_dropped_with_a_skipped_step():
    weight, plain = wrapper()
    optim = OptimWrapper(plain.optimizer, accumulative_counts=2, max_skipped=1)
    optim.update_params(weight.sum())
    optim.update_params(weight.sum() * float("nan"))
    assert weight.tolist() == [4.0, 0.0]
    for _ in range(2):
        optim.update_params(weight.sum())
    assert weight.tolist() == pytest.approx([3.9, -0.1])


@pytest.mark.skipif(torch.cuda.is_available(), reason="tells what to do without CUDA")
def test_mixed_precision_needs_cuda():
    with pytest.raises(ConfigError, match=r"--amp, AmpOptimWrapper.* needs CUDA"):
        AmpOptimWrapper(optimizer=wrapper()[1].optimizer)


def test_batches_are_described_by_what_can_be_read():
    element = BaseDataElement(
        metainfo={
            "sample_idx": "scene_3",
            "lidar_path": "a/b.bin",
            "matrix": torch.eye(3),
            "shape": (2, 3),
        }
    )
    batch = {"inputs": {"points": [torch.ones(3)]}, "data_samples": [element]}
    samples = describe_batch(batch)
    assert samples == [
        {"sample_idx": "scene_3", "lidar_path": "a/b.bin", "shape": (2, 3)}
    ]
    assert sample_names(samples) == "scene_3"
    assert sample_names(describe_batch({"index": [4, 5]})) == "index=4; index=5"
    assert sample_names(describe_batch([torch.ones(2)])) == "unknown"


def test_samples_of_dictionaries_keep_their_names_and_short_tensors():
    ids = torch.tensor([4, 7])
    sample = {"sequence": "drive_0", "ids": ids, "noise": torch.zeros(17)}
    batch = {"inputs": {"images": torch.zeros(1, 2)}, "data_samples": [sample]}
    described = describe_batch(batch)
    assert described == [{"sequence": "drive_0", "ids": [4, 7]}]
    assert sample_names(described) == "sequence=drive_0, ids=[4, 7]"


def test_loss_terms_are_numbers():
    losses = {"a": torch.tensor([1.0, 3.0]), "b": [torch.ones(()), torch.ones(())]}
    assert loss_terms(losses) == {"a": 2.0, "b": 2.0}
    assert loss_terms([torch.ones(())]) == {}


def test_report_is_json_of_the_standard(tmp_path):
    report = {
        "loss_terms": {"a": float("nan"), "b": 1.5},
        "samples": [{"scale": (float("inf"), -float("inf"), 1)}],
        "tensor": torch.ones(2),
    }
    path = write_report(str(tmp_path), 7, 1, report)
    content = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert content["loss_terms"] == {"a": "nan", "b": 1.5}
    assert content["samples"] == [{"scale": ["inf", "-inf", 1]}]
    assert content["tensor"] == "tensor([1., 1.])"


def test_a_run_stops_and_names_the_samples(tmp_path):
    options = {"train_dataloader.dataset.nan_at": 5, "train_cfg.max_epochs": 1}
    assert runs.run(tmp_path, options) == 3
    output = (tmp_path / "output.txt").read_text()
    assert "Traceback" not in output
    assert "error: the loss is nan in iteration" in output
    assert "index=5" in output
    assert "Weights were not updated" in output
    (report,) = (tmp_path / "nonfinite").glob("iter_*_rank_0.json")
    content = json.loads(report.read_text(), parse_constant=pytest.fail)
    assert {"index": 5} in content["samples"]
    assert content["loss_terms"].keys() == {"loss", "loss_size"}
    assert not list(tmp_path.glob("*.pth"))


def test_a_run_goes_on_and_its_statistics_forget_the_step(tmp_path):
    options = {
        "train_dataloader.dataset.nan_at": 5,
        "train_cfg.max_epochs": 2,
        "optim_wrapper.max_skipped": 2,
    }
    assert runs.run(tmp_path, options) == 0
    output = (tmp_path / "output.txt").read_text()
    assert "was skipped, number 2 of at most 2: the loss is nan" in output
    assert "index=5" in output
    assert len(list((tmp_path / "nonfinite").glob("*.json"))) == 2
    saved = torch.load(tmp_path / "epoch_2.pth", weights_only=True)
    assert saved["optimizer"]["skipped_steps"] == 2
    for name, value in saved["state_dict"].items():
        assert value.isfinite().all(), name  # batch norm saw the NaN


def test_the_count_of_skipped_steps_survives_a_resume(tmp_path):
    options = {
        "train_dataloader.dataset.nan_at": 5,
        "train_cfg.max_epochs": 1,
        "optim_wrapper.max_skipped": 1,
    }
    assert runs.run(tmp_path, options) == 0
    assert runs.run(tmp_path, {**options, "train_cfg.max_epochs": 2}, True) == 3
    output = (tmp_path / "output.txt").read_text()
    assert "the loss is nan, and 1 steps were skipped already" in output
