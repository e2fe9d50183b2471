"""LoRA: what is adapted, what is trained, what stays bit-equal."""

import copy

import pytest
import torch
from torch import nn

from tests.vggt_lora.models import toy
from vantage3d.engine.errors import ConfigError
from vantage3d.vggt_lora.models.adapters import (
    adaptable_layers,
    lora_layers,
    merged_weights,
)


def step(model, steps=1, lr=0.05):
    """Train on the plane; the losses of the first step."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=lr)
    torch.manual_seed(1)
    for _ in range(steps):
        loss = model.parse_losses(model(**toy.batch(), mode="loss"))[0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def outputs(model):
    with torch.no_grad():
        return model.eval()(toy.batch()["inputs"])


def close(one, other, tolerance):
    assert one.keys() == other.keys()
    for key in one:
        if key != "pose_enc_list":
            torch.testing.assert_close(one[key], other[key], rtol=0, atol=tolerance)


def test_at_the_start_the_network_is_the_base_bit_for_bit():
    base, adapted = toy.estimator(lora=None), toy.estimator()
    close(outputs(adapted), outputs(base), 0)


@pytest.mark.bitwise
def test_training_leaves_the_base_bit_equal():
    model = toy.estimator()
    before = {n: p.clone() for n, p in model.named_parameters() if ".lora_" not in n}
    adapters = {n: p.clone() for n, p in model.named_parameters() if ".lora_" in n}
    step(model, 2)
    after = dict(model.named_parameters())
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not any(torch.equal(after[name], value) for name, value in adapters.items())


@pytest.mark.parametrize("checkpointing", [False, True])
def test_every_lora_b_has_a_gradient(checkpointing):
    model = toy.estimator(checkpointing=checkpointing)
    model.parse_losses(model(**toy.batch(), mode="loss"))[0].backward()
    layers = dict(lora_layers(model))
    assert len(layers) == 2 * 2 * 4 + 30  # two pairs of blocks, the depth head
    for name, layer in layers.items():
        assert layer.lora_B["default"].weight.grad.abs().max() > 0, name
    assert all(p.grad is None for n, p in model.named_parameters() if ".lora_" not in n)


def test_checkpointing_changes_no_gradient():
    gradients = []
    for checkpointing in (False, True):
        lora = {**toy.LORA, "dropout": 0.0}
        model = toy.estimator(checkpointing=checkpointing, lora=lora)
        model.parse_losses(model(**toy.batch(), mode="loss"))[0].backward()
        gradients.append([p.grad for p in model.parameters() if p.requires_grad])
    torch.testing.assert_close(*gradients)


def test_merged_equals_unmerged():
    model = step(toy.estimator(), 3)
    plain = toy.estimator(seed=9, lora=None)
    assert (
        max((outputs(plain)["depth"] - outputs(model)["depth"]).abs().max(), 0) > 0.01
    )
    weights = merged_weights(model)
    assert list(weights) == list(plain.state_dict())
    plain.load_state_dict(weights)
    close(outputs(plain), outputs(model), 1e-5)
    base = toy.estimator(lora=None)
    assert not torch.allclose(
        outputs(base)["depth"], outputs(model)["depth"], atol=1e-3
    )


def test_merging_changes_the_adapted_layers_only():
    model, base = step(toy.estimator()), toy.estimator(lora=None)
    weights = merged_weights(model)
    changed = {
        n for n, p in base.state_dict().items() if not torch.equal(p, weights[n])
    }
    assert changed == {f"{name}.weight" for name, _ in lora_layers(model)}


def test_the_update_is_alpha_over_rank_b_a():
    """Also of convolutions, whose A has the kernel and whose B is 1 x 1."""
    model, base = step(toy.estimator()), toy.estimator(lora=None)
    weights, layers = merged_weights(model), dict(lora_layers(model))
    factor = toy.LORA["alpha"] / toy.LORA["rank"]
    for name in ("aggregator.global_blocks.3.attn.qkv", "depth_head.resize_layers.3"):
        a, b = (
            getattr(layers[name], f"lora_{which}")["default"].weight for which in "AB"
        )
        update = factor * b.flatten(1) @ a.flatten(1)
        expected = base.get_submodule(name).weight + update.view_as(
            weights[f"{name}.weight"]
        )
        torch.testing.assert_close(weights[f"{name}.weight"], expected.detach())


@pytest.mark.bitwise
@pytest.mark.parametrize("parts", ["qk", "v"])
def test_parts_of_attention_that_do_not_learn_stay_as_trained(parts, tmp_path):
    trained = step(toy.estimator(), 2)
    trained.adapters.write(trained.state_dict(), tmp_path)
    going_on = {**toy.LORA, "adapter": str(tmp_path), "attention_parts": parts}
    model = toy.estimator(lora=going_on)
    before = updates(model)
    torch.testing.assert_close(before, updates(trained), rtol=0, atol=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0)
    for _ in range(2):
        optimizer.zero_grad()
        model.parse_losses(model(**toy.batch(), mode="loss"))[0].backward()
        optimizer.step()
    for name, update in updates(model).items():
        changed = parts if name.endswith("qkv") else "qkv"
        now, then = (
            of.flatten(1).split(-(-len(of) // 3)) for of in (update, before[name])
        )
        for part, *both in zip("qkv", now, then, strict=False):
            assert torch.equal(*both) != (part in changed), (name, part)
    again = toy.estimator(lora={**toy.LORA, "attention_parts": parts})
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(updates(again), updates(model), rtol=0, atol=0)


def updates(model):
    """The update of every adapted layer."""
    found = lora_layers(model)
    return {name: layer.get_delta_weight("default").detach() for name, layer in found}


def test_parts_of_attention_need_layers_that_make_them():
    lora = {**toy.LORA, "target_modules": ["depth_head.*"], "attention_parts": "qk"}
    with pytest.raises(ConfigError, match=r'attention_parts` "qk".*depth_head.*none'):
        toy.estimator(lora=lora)


@pytest.mark.parametrize(
    ("pattern", "near"),
    [
        ("depth_heads.*", "depth_head"),
        ("aggregator.frame_block.*", "aggregator.frame_blocks"),
        ("depth_head.norm", "depth_head"),  # a norm is no layer for LoRA
        ("track_head.*", "depth_head"),  # not enabled
    ],
)
def test_a_pattern_that_matches_nothing_names_the_nearest(pattern, near):
    lora = {**toy.LORA, "target_modules": ["depth_head.*", pattern]}
    with pytest.raises(ConfigError) as error:
        toy.estimator(lora=lora)
    assert f"`lora.target_modules` has the pattern {pattern!r}" in str(error.value)
    assert near in str(error.value).partition("nearest: ")[2]


def test_a_freeze_pattern_that_matches_nothing_is_an_error():
    with pytest.raises(ConfigError, match=r"`freeze`.*'aggregatr\.\*'.*aggregator"):
        toy.estimator(lora=None, freeze=["aggregatr.*"])


def test_frozen_modules_have_no_gradient_and_the_others_have():
    model = toy.estimator(lora=None, freeze=["aggregator", "camera_head"])
    model.parse_losses(model(**toy.batch(), mode="loss"))[0].backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == name.startswith("depth_head"), name


def test_projections_that_torch_reads_itself_are_not_adaptable():
    model = nn.ModuleDict({"attn": nn.MultiheadAttention(4, 2), "mlp": nn.Linear(4, 4)})
    assert adaptable_layers(model) == ["mlp"]


def test_a_copy_of_a_model_is_independent():
    model = toy.estimator()
    other = copy.deepcopy(model)
    step(other)
    close(outputs(toy.estimator()), outputs(model), 0)
    assert list(other.state_dict()) == list(model.state_dict())


def test_frozen_blocks_in_front_keep_no_graph():
    """Nothing before the first adapted pair of blocks requires a gradient."""
    model, tracked = toy.estimator(), {}

    def remember(name):
        return lambda module, inputs, output: tracked.update(
            {name: output.requires_grad}
        )

    for kind in ("frame", "global"):
        blocks = model.aggregator.get_submodule(f"{kind}_blocks")
        for number, block in enumerate(blocks):
            block.register_forward_hook(remember(f"{kind} {number}"))
    model(**toy.batch(), mode="loss")
    first = {f"{kind} {number}" for kind in ("frame", "global") for number in (0, 1)}
    assert {name for name, tracks in tracked.items() if not tracks} == first
    assert len(tracked) == 8


def test_bfloat16_changes_little_and_adapters_stay_in_float32():
    lora = {**toy.LORA, "dropout": 0.0}
    terms, gradients = [], []
    for precision in ("float32", "bfloat16"):
        model = step(toy.estimator(lora=lora, precision=precision), 2)
        losses = model(**toy.batch(), mode="loss")
        model.parse_losses(losses)[0].backward()
        trained = [p for p in model.parameters() if p.requires_grad]
        assert all(p.grad.dtype == p.dtype == torch.float32 for p in trained)
        terms.append({name: float(value) for name, value in losses.items()})
        gradients.append(torch.cat([p.grad.flatten() for p in trained]))
    assert terms[0] != terms[1]  # the second did run in bfloat16
    for name, value in terms[0].items():
        assert terms[1][name] == pytest.approx(value, rel=0.03, abs=0.01), name
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99


def test_an_unknown_precision_is_named():
    with pytest.raises(ValueError, match=r"precision.*'float16'"):
        toy.estimator(precision="float16")
