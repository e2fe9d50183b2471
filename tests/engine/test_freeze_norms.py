"""Six steps an epoch, of which the norm may follow the first nine."""

import signal

import pytest
import torch

from tests.engine import runs


def options(begin: int, *modules: str) -> dict:
    hook = dict(type="FreezeNormsHook", begin=begin, modules=list(modules) or ["*"])
    return {"custom_hooks": [hook]}


def norm_of(path) -> dict:
    state = runs.weights(path)
    return {key: value for key, value in state.items() if key.startswith("net.1.")}


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen")
    assert runs.run(folder, options(9)) == 0
    return folder


def test_statistics_stay_through_validations_and_the_rest_is_learned(frozen):
    third, last = (norm_of(frozen / f"epoch_{epoch}.pth") for epoch in (3, 4))
    assert third["net.1.num_batches_tracked"] == 9
    for key in ("net.1.running_mean", "net.1.running_var"):
        assert torch.equal(third[key], last[key])
    for key in ("net.1.weight", "net.1.bias"):
        assert not torch.equal(third[key], last[key])


@pytest.mark.bitwise
@pytest.mark.parametrize("event", [100, 150, 180])  # before, about and after step 9
def test_a_killed_run_ends_with_the_same_weights(frozen, tmp_path, event):
    assert runs.run(tmp_path, options(9), die_at=event) == -signal.SIGKILL
    assert runs.run(tmp_path, options(9), resume=True) == 0
    ours, whole = (runs.weights(f / "epoch_4.pth") for f in (tmp_path, frozen))
    assert runs.same(ours, whole)


def test_none_at_all(tmp_path):
    assert runs.run(tmp_path, options(0)) == 0
    norm = norm_of(tmp_path / "epoch_4.pth")
    assert norm["net.1.num_batches_tracked"] == 0
    assert norm["net.1.running_mean"].eq(0).all()


def test_a_pattern_without_a_norm_ends_the_run(tmp_path):
    assert runs.run(tmp_path, options(0, "net.2")) == 2
    said = (tmp_path / "output.txt").read_text()
    assert "`FreezeNormsHook.modules` has the pattern 'net.2'" in said
    assert "nearest: net.1" in said
