"""The doors: every tool and command answers `--help` without the heavy libraries."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from vantage3d.cli import COMMANDS, arguments, main
from vantage3d.cli.data import ALIASES, CONVERTERS, ROOM_LAYOUTS
from vantage3d.synthetic import LAYOUTS

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "mmdet3d", "mmdet", "mmcv", "transformers", "matplotlib", "scipy"}
# Their choices come from the rooms that they call.
SLOW_HELP = {
    "extract-dino-v2-features",
    "extract-clip-rn50-features",
    "extract-efficientnet-lite2-features",
}
ASK_FOR_HELP = """
import sys
from vantage3d.cli import COMMANDS, main
for name in sys.argv[1:]:
    try:
        main([name, "--help"])
    except SystemExit as end:
        assert end.code == 0, name
print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_help_imports_no_heavy_library():
    quick = sorted(set(COMMANDS) - SLOW_HELP)
    command = [sys.executable, "-c", ASK_FOR_HELP, *quick]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("usage: vantage3d ") == len(quick)
    imported = set(done.stdout.splitlines()[-1].split()[1:])
    assert "vantage3d" in imported and not imported & HEAVY


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_tool_that_calls_the_same_function(command):
    name = command.replace("-", "_")
    tool = import_module(f"tools.{name}")
    module = import_module(f"vantage3d.cli.{COMMANDS[command]}")
    assert tool.main is getattr(module, name)
    assert f"``vantage3d {command}``" in tool.__doc__ or name == "doctor"


def test_every_tool_is_a_command():
    apart = {"setup_env", "benchmark"}
    names = {path.stem for path in (ROOT / "tools").glob("*.py")} - apart
    assert names == {name.replace("-", "_") for name in COMMANDS}


def test_an_unknown_command_is_named(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["fly"])
    assert "invalid choice: 'fly'" in capsys.readouterr().err


def test_the_table_of_converters_names_functions_that_exist():
    for name, _ in CONVERTERS.values():
        module = import_module(f"vantage3d.{name}")
        assert callable(module.add_arguments) and callable(module.run)


@pytest.mark.parametrize(("old", "new"), ALIASES.items())
def test_old_names_of_converters_say_the_new_ones(old, new, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["create-data", old, "--help"])
    said = capsys.readouterr()
    assert f"warning: `{old}` is now called `{new}`" in said.err
    assert new in CONVERTERS and old not in CONVERTERS and f" {new} " in said.out


def test_an_unknown_dataset_is_named(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["create-data", "scannet300_sv"])
    assert "invalid choice: 'scannet300_sv'" in capsys.readouterr().err


def test_layouts_of_rooms_are_those_of_the_synthetic_world():
    assert tuple(LAYOUTS) == ROOM_LAYOUTS


@pytest.mark.parametrize("name", ["ESAM_CA/ESAM_sv_synthetic_CA.py", "./gone.py"])
def test_configs_are_found_by_name_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = ROOT / "configs" / name
    for given in (name, f"configs/{name}"):
        assert arguments.config_file(given) == (
            str(config) if config.exists() else given
        )
    here = tmp_path / name
    here.parent.mkdir(exist_ok=True)
    here.touch()
    assert arguments.config_file(name) == name, "what exists is not looked up"
