"""The set-up: what it installs, mends and refuses. Nothing is installed here."""

import importlib.util
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Of pyproject.toml, which `make extras` installs together.
EXTRAS = ("docs", "efflite", "notebooks", "onnx", "record3d", "tensorboard")


@pytest.fixture
def setup_env(monkeypatch):
    path = ROOT / "tools" / "setup_env.py"
    spec = importlib.util.spec_from_file_location("setup_env", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "setup_env", module)
    spec.loader.exec_module(module)
    return module


def install(site: Path, name: str, version: str) -> None:
    """A package of one file, as pip leaves it."""
    module = name.replace("-", "_")
    info = site / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (site / module).mkdir(exist_ok=True)
    (site / module / "__init__.py").touch()
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    files = ["../../../bin/x", f"{module}/__init__.py", f"{info.name}/METADATA"]
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


@pytest.fixture
def environment(setup_env, tmp_path):
    """Site-packages and notes of a finished set-up."""
    site, stamps = tmp_path / "site", tmp_path / "stamps"
    pins = setup_env.pinned()
    for name, version in (pins["runtime"] | pins["development"]).items():
        install(site, name, version)
    install(site, "vantage3d", "0.1.0")
    stamps.mkdir()
    (stamps / "checkout").write_text(setup_env.checkout())
    return site, stamps


def names(steps) -> list[str]:
    return [step.name for step in steps]


def test_a_finished_set_up_has_nothing_to_do(setup_env, environment):
    assert setup_env.plan(*environment, set()) == []


def test_from_nothing_only_wheels_are_installed_without_what_they_bring(
    setup_env, tmp_path
):
    wheels, package = setup_env.plan(tmp_path, tmp_path, set())
    needed = {"--no-deps", "--only-binary=:all:", "--force-reinstall"}
    assert needed <= set(wheels.pip_args)
    assert "torch==2.11.0" in wheels.pip_args and "mmcv-lite==2.1.0" in wheels.pip_args
    assert not any("minkowski" in name or "mmcv==" in name for name in wheels.pip_args)
    assert package.name == "vantage3d" and "--no-deps" in package.pip_args


def test_another_version_is_replaced(setup_env, environment):
    site, _ = environment
    shutil.rmtree(site / "torch-2.11.0.dist-info")
    install(site, "torch", "2.9.0")
    assert names(setup_env.plan(*environment, set())) == ["torch==2.11.0"]


def test_another_build_of_the_same_version_stays(setup_env, environment):
    site, _ = environment
    shutil.rmtree(site / "torch-2.11.0.dist-info")
    install(site, "torch", "2.11.0+cu126")
    assert setup_env.plan(*environment, set()) == []


def test_extras_come_when_asked_for_and_are_kept_up(setup_env, environment):
    site, stamps = environment
    (step,) = setup_env.plan(site, stamps, {"extras"})
    extras = setup_env.pinned()["extras"]
    assert set(step.name.split(", ")) == {f"{n}=={v}" for n, v in extras.items()}
    install(site, "mkdocs", "1.0")
    assert names(setup_env.plan(site, stamps, set())) == ["mkdocs==1.6.1"]


@pytest.mark.parametrize("what", ["peft", "peft-*.dist-info"])
def test_a_package_that_was_removed_comes_back(setup_env, environment, what):
    site, _ = environment
    shutil.rmtree(next(site.glob(what)))
    assert names(setup_env.plan(*environment, set())) == ["peft==0.21.2"]


def test_another_checkout_or_other_packaging_is_installed_anew(setup_env, environment):
    (environment[1] / "checkout").write_text("elsewhere")
    assert names(setup_env.plan(*environment, set())) == ["vantage3d"]


def test_mmcv_is_compiled_in_place_of_mmcv_lite(setup_env, environment):
    site, stamps = environment
    shutil.rmtree(site / "mmcv_lite-2.1.0.dist-info")
    tools, mmcv = setup_env.plan(site, stamps, {"mmcv"})
    assert tools.name.startswith("ninja==") and mmcv.name == "mmcv"
    assert mmcv.environment["MMCV_WITH_OPS"] == "1"
    assert "--no-build-isolation" in mmcv.pip_args
    assert any(name.endswith("wheels-torch-2.11.0") for name in mmcv.pip_args)
    install(site, "mmcv", "2.1.0")
    (stamps / "mmcv").write_text("2.11.0")
    assert setup_env.plan(site, stamps, set()) == [], "it stays without being asked for"


def test_compiled_packages_are_built_again_for_another_torch(setup_env, environment):
    site, stamps = environment
    install(site, "MinkowskiEngine", "0.5.4")
    (stamps / "minkowskiengine").write_text("2.10.0")
    assert names(setup_env.plan(site, stamps, set()))[1:] == ["minkowskiengine"]


def test_every_requirement_of_the_package_is_pinned(setup_env):
    """But for what mmdet3d itself brings where pip resolves."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = setup_env.pinned()
    extras = project["optional-dependencies"]
    for requirements, sections in (
        (project["dependencies"], ["runtime"]),
        (extras["dev"], ["runtime", "development"]),
        (extras["minkowski"] + extras["ops"], ["compiled", "runtime"]),
        (
            [
                r
                for name in ("docs", "efflite", "notebooks", "record3d")
                for r in extras[name]
            ],
            ["extras"],
        ),
    ):
        known = {name for section in sections for name in pins[section]}
        found = {
            setup_env.normalized(re.split(r"[<>=! \[]", r)[0]) for r in requirements
        }
        assert found <= known, found - known


def test_wrong_python_says_what_to_call(setup_env, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit, match=r"Python 3.11 is needed.*make PYTHON="):
        setup_env.check_python()


def test_missing_openblas_is_said_before_minutes_are_lost(setup_env, tmp_path):
    with pytest.raises(SystemExit, match=rf"(?s){tmp_path}.*libopenblas-dev"):
        setup_env.check_openblas(tmp_path)


def test_failed_step_shows_the_log_and_keeps_what_is_done(setup_env, tmp_path):
    step = setup_env.Step("broken", 0.1, [])
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    with pytest.raises(SystemExit, match=r"(?s)the reason.*`broken` \(exit 3\)"):
        setup_env.run_with_clock(command, step, tmp_path / "log")
