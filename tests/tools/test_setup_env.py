"""The set-up script's plan: order, stamps, errors. It installs nothing here."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "tools" / "setup_env.py"


@pytest.fixture
def setup_env(monkeypatch):
    spec = importlib.util.spec_from_file_location("setup_env", PATH)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "setup_env", module)
    spec.loader.exec_module(module)
    return module


def test_whatever_compiles_on_torch_comes_behind_it(setup_env):
    names = [step.name for step in setup_env.plan(minkowski=True)]
    torch = names.index("torch and torchvision")
    for compiled in ("mmcv", "MinkowskiEngine"):
        position = next(i for i, name in enumerate(names) if name.startswith(compiled))
        assert position > torch


def test_compiled_packages_are_built_again_for_another_torch(setup_env, monkeypatch):
    before = {step.name: step.stamp() for step in setup_env.plan(True)}
    text = setup_env.CONSTRAINTS.read_text()
    changed = setup_env.ROOT / "constraints.txt"

    class Changed:
        def read_text(self):
            return text.replace("torch==2.11.0", "torch==2.12.0")

        def __str__(self):
            return str(changed)

    monkeypatch.setattr(setup_env, "CONSTRAINTS", Changed())
    after = {step.name: step.stamp() for step in setup_env.plan(True)}
    for name in before:
        if name.startswith(("mmcv", "Minkowski", "torch")):
            assert before[name] != after[name], name
    assert before["vantage3d"] == after["vantage3d"]


def test_every_named_package_has_a_pin(setup_env):
    for name in [*setup_env.LIBRARIES, *setup_env.DEVELOPMENT, "torch", "mmcv"]:
        assert "==" in setup_env.pinned_version(name)


def test_missing_pin_is_named(setup_env):
    with pytest.raises(SystemExit, match="no line `unheard-of==VERSION`"):
        setup_env.pinned_version("unheard-of")


def test_wrong_python_says_what_to_call(setup_env, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit, match=r"Python 3.11 is needed.*make PYTHON="):
        setup_env.check_python()


def test_failed_step_shows_the_log_and_keeps_what_is_done(setup_env, tmp_path):
    step = setup_env.Step("broken", 0.1, [])
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    with pytest.raises(SystemExit, match=r"(?s)the reason.*`broken` \(exit 3\)"):
        setup_env.run_with_clock(command, step, tmp_path / "log")


def test_an_environment_serves_any_checkout(setup_env, monkeypatch, tmp_path):
    def stamps():
        steps = setup_env.plan(minkowski=True)
        return {s.name: s.stamp() for s in steps if s.name != "vantage3d"}

    before = stamps()
    elsewhere = tmp_path / "constraints.txt"
    elsewhere.write_text(setup_env.CONSTRAINTS.read_text())
    monkeypatch.setattr(setup_env, "CONSTRAINTS", elsewhere)
    assert stamps() == before
    elsewhere.write_text(elsewhere.read_text().replace("timm==", "timm==0."))
    assert stamps() != before
