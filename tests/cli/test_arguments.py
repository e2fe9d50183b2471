"""Overrides of config keys, as shells hand them over."""

import argparse

import pytest
from mmengine.config import DictAction

from vantage3d.cli.arguments import add_cfg_options
from vantage3d.process.option_values import option_text, option_value


def parsed(*texts):
    parser = argparse.ArgumentParser()
    add_cfg_options(parser)
    return parser.parse_args(["--cfg-options", *texts]).cfg_options


@pytest.mark.parametrize(
    "text",
    [
        *("3", "-1e-4", "True", "false", "None", "none", "abc", "1,2,3", "[1, b]"),
        *("(1,[2,3],None)", "[(1,2,3),[a,b],c]", "[]", "a/b.py", "0.5", "'x'"),
    ],
)
def test_values_are_those_that_mmengine_reads(text):
    expected = DictAction._parse_iterable(text)
    assert option_value(text) == expected
    assert type(option_value(text)) is type(expected)


@pytest.mark.parametrize(
    "path", ["/data/my predictions", "/Küche/a b  c", "run (1)/x", "(1) [x", "2024_10"]
)
def test_paths_stay_as_they_are(path):
    assert parsed(f"test_evaluator.predictions_dir={path}") == {
        "test_evaluator.predictions_dir": path
    }
    assert option_value(f"[{path}, b]") == [path, "b"] or path == "(1) [x"


@pytest.mark.parametrize(
    "value",
    [
        *(3, 1e-4, True, None, "abc", "1", "a, b", "None", "[x", (0.1, 20.0), [], ()),
        *([{"type": "Hook", "at": (1, [2])}], {"a": {"b": "c:d"}}, "{x}", {}, (1,)),
    ],
)
def test_what_is_written_is_read_again(value):
    found = option_value(option_text(value))
    assert found == value and type(found) is type(value)


def test_quotes_keep_commas():
    assert option_value("'/data/a, b'") == "/data/a, b"


@pytest.mark.parametrize("text", ["predictions", "=3", "--", ""])
def test_a_key_without_a_value_is_one_message(text, capsys):
    with pytest.raises(SystemExit, match="2"):
        parsed("work_dir=my", text)
    said = capsys.readouterr().err.splitlines()[-1]
    assert "--cfg-options: expected KEY=VALUE" in said or text == "--"
