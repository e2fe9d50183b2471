"""Parameter groups, and clipping module by module."""

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

from vantage3d.engine import GroupingConstructor
from vantage3d.engine.errors import ConfigError
from vantage3d.engine.optim import matching

ADAM = dict(type="AdamW", lr=0.1, weight_decay=0.5)


def network():
    torch.manual_seed(0)
    net = nn.ModuleDict(
        {
            "body": nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)),
            "head": nn.Linear(4, 2),
            "frozen": nn.Linear(2, 2),
        }
    )
    net["frozen"].requires_grad_(False)
    return net


def wrapper(net, paramwise=None, **options):
    config = dict(type="OptimWrapper", optimizer=ADAM, **options)
    return GroupingConstructor(config, paramwise)(net)


def settings(built):
    return {
        name: (group["lr"], group["weight_decay"])
        for group in built.optimizer.param_groups
        for name in group["param_names"]
    }


def test_vectors_do_not_decay_and_frozen_parameters_stay_out():
    assert settings(wrapper(network())) == {
        "body.0.weight": (0.1, 0.5),
        "body.0.bias": (0.1, 0.0),
        "body.1.weight": (0.1, 0.0),
        "body.1.bias": (0.1, 0.0),
        "head.weight": (0.1, 0.5),
        "head.bias": (0.1, 0.0),
    }


def test_patterns_change_decay_and_rate():
    built = wrapper(
        network(), dict(no_decay=["head.*"], lr_mult={"body.*": 0.1, "body.1.*": 2.0})
    )
    assert settings(built) == {
        "body.0.weight": (pytest.approx(0.01), 0.5),
        "body.0.bias": (pytest.approx(0.01), 0.0),
        "body.1.weight": (0.2, 0.0),
        "body.1.bias": (0.2, 0.0),
        "head.weight": (0.1, 0.0),
        "head.bias": (0.1, 0.0),
    }
    assert len(built.optimizer.param_groups) == 4


@pytest.mark.parametrize(
    ("paramwise", "message"),
    [
        (dict(no_decay=["heads.*"]), r"no_decay` has the pattern 'heads\.\*'.*head"),
        (dict(lr_mult={"frozen.*": 1.0}), r"lr_mult` has the pattern 'frozen\.\*'"),
        (dict(bias_decay_mult=0), "bias_decay_mult` is not known"),
    ],
)
def test_what_nobody_reads_is_an_error(paramwise, message):
    with pytest.raises(ConfigError, match=message):
        wrapper(network(), paramwise)


def test_nothing_to_train_is_an_error():
    net = network()
    net.requires_grad_(False)
    with pytest.raises(ConfigError, match="no parameter that requires a gradient"):
        wrapper(net)


def gradients(net, scale):
    for parameter in net.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.full_like(parameter, scale)


def norm(module):
    grads = [p.grad.flatten() for p in module.parameters() if p.grad is not None]
    return torch.cat(grads).norm()


def test_each_module_is_clipped_by_its_own_norm():
    net = network()
    built = wrapper(net, clip_modules={"body.*": 0.5, "*": 100.0})
    gradients(net, 2.0)
    before = norm(net["body"]), norm(net["head"])
    hub = MessageHub.get_instance("clipping")
    built.message_hub = hub
    built.step()
    assert norm(net["body"]) == pytest.approx(0.5, abs=1e-5)
    assert norm(net["head"]) == before[1]
    logged = hub.get_scalar("train/grad_norm/body.*").current()
    assert logged == pytest.approx(float(before[0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(clip_modules={"body.*": 1.0}), "no pattern for .* head.weight"),
        (dict(clip_modules={"*": 1.0, "tail.*": 1.0}), r"'tail\.\*'"),
        (dict(clip_modules={"*": 1.0}, clip_grad=dict(max_norm=1)), "both"),
    ],
)
def test_clipping_needs_a_pattern_for_every_parameter(options, message):
    with pytest.raises(ConfigError, match=message):
        wrapper(network(), **options)


def test_clipping_needs_names():
    from vantage3d.engine import OptimWrapper

    optimizer = torch.optim.SGD(network().parameters(), lr=0.1)
    with pytest.raises(ConfigError, match="constructor='GroupingConstructor'"):
        OptimWrapper(optimizer=optimizer, clip_modules={"*": 1.0})


def test_patterns_choose_in_the_order_of_names():
    names = ["a.0.x", "a.1.x", "b.x", "a.10.x"]
    assert matching(["b*", "a.[01].*"], names, "s") == ["a.0.x", "a.1.x", "b.x"]
    assert matching([], names, "s") == []
