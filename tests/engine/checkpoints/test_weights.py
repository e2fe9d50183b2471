"""Every key that does not fit is named."""

import pytest
import torch
from torch import nn

from vantage3d.engine.checkpoints.weights import LoadPolicy, load_weights
from vantage3d.engine.errors import CheckpointError, ConfigError


class Net(nn.Module):
    IGNORED_CHECKPOINT_KEYS = {r"^old_head\.": "heads of the released training"}

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 2)


def checkpoint(**changes) -> dict:
    state = Net().state_dict()
    for key, value in changes.items():
        key = key.replace("__", ".")
        if value is None:
            del state[key]
        else:
            state[key] = value
    return {"meta": {"model": "Net"}, "state_dict": state}


def test_a_fitting_checkpoint_is_loaded_whole():
    model, source = Net(), checkpoint()
    assert load_weights(model, source, "a.pth").fits
    for key, value in model.state_dict().items():
        assert torch.equal(value, source["state_dict"][key])


def test_ddp_prefix_is_removed():
    state = {f"module.{k}": v for k, v in Net().state_dict().items()}
    assert load_weights(Net(), {"state_dict": state}, "a.pth").fits


def test_all_differences_are_in_one_message():
    bad = checkpoint(
        head__weight=torch.zeros(5, 4), head__bias=None, neck__weight=torch.zeros(7)
    )
    with pytest.raises(CheckpointError) as raised:
        load_weights(Net(), bad, "a.pth")
    message = str(raised.value)
    assert message.startswith("a.pth does not fit Net")
    for title, line in (
        ("missing from the checkpoint", "head: 1 (head.bias [2])"),
        ("in the checkpoint only", "neck: 1 (neck.weight [7])"),
        ("of another shape", "head: 1 (head.weight [5, 4], the model has [2, 4])"),
    ):
        assert f"  {title} (1 keys):\n    {line}\n" in message


def test_another_model_is_recognised():
    other = {"meta": {"model": "Resnet"}, "state_dict": {"layer1.0.w": torch.zeros(2)}}
    with pytest.raises(
        CheckpointError,
        match=r"saved from Resnet: it has not one key in common(.|\n)*layer1\.0: 1",
    ):
        load_weights(Net(), other, "a.pth")


def test_class_names_keys_it_has_no_use_for():
    report = load_weights(Net(), checkpoint(old_head__w=torch.zeros(1)), "a.pth")
    assert report.notes == [
        "1 keys left out by '^old_head\\\\.': heads of the released training"
    ]


def test_policy_allows_what_it_names_only():
    source = checkpoint(head__weight=torch.zeros(5, 4), head__bias=None)
    policy = LoadPolicy(ignore=(r"^head\.weight",), allow_missing=(r"^head\.",))
    report = load_weights(Net(), source, "a.pth", policy)
    assert report.fits
    with pytest.raises(CheckpointError, match=r"head\.bias"):
        load_weights(
            Net(), source, "a.pth", LoadPolicy((r"^head\.weight",), (r"weight$",))
        )


def test_patterns_that_match_nothing_are_errors():
    with pytest.raises(ConfigError, match=r"ignore` has '\^neck', which matches none"):
        load_weights(Net(), checkpoint(), "a.pth", LoadPolicy(ignore=("^neck",)))
    with pytest.raises(ConfigError, match=r"allow_missing` has '\^neck'"):
        load_weights(Net(), checkpoint(), "a.pth", LoadPolicy((), ("^neck",)))


def test_unknown_policy_key():
    with pytest.raises(ConfigError, match=r"`load_from_policy\.alow_missing` is not"):
        LoadPolicy.from_config({"alow_missing": ["x"]})


def test_counters_of_batch_norm_may_be_missing():
    key = "backbone__1__num_batches_tracked"
    assert load_weights(Net(), checkpoint(**{key: None}), "a.pth").fits


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value):
    bad = checkpoint()
    bad["state_dict"]["backbone.0.bias"][1] = value
    bad["state_dict"]["head.weight"][0] = value
    model = Net()
    before = model.head.weight.clone()
    message = (
        r"a\.pth: 2 of 9 tensors hold values that are not finite, the first is "
        r"backbone\.0\.bias \(1 of 4 values\)"
    )
    with pytest.raises(CheckpointError, match=message):
        load_weights(model, bad, "a.pth")
    assert torch.equal(model.head.weight, before)
