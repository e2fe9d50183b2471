"""Arguments that several commands share."""

import argparse
import os
from collections.abc import Iterable
from inspect import cleandoc
from pathlib import Path
from typing import Any

import vantage3d
from vantage3d.process.option_values import option_value
from vantage3d.process.verification import NO_VERIFY

PACKAGE = Path(vantage3d.__file__).parent


def command_parser(doc: str) -> argparse.ArgumentParser:
    """A parser whose description is the docstring of the command.

    Every command has ``--no-verify``.
    """
    parser = argparse.ArgumentParser(
        description=cleandoc(doc), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_no_verify(parser)
    return parser


def add_no_verify(parser: argparse.ArgumentParser) -> None:
    """``--no-verify``: files are not compared with their checksums."""
    text = "do not compare files with their checksums"
    parser.add_argument("--no-verify", action=_NoVerify, nargs=0, help=text)


class _NoVerify(argparse.Action):
    """Sets the variable that the readers ask, in this process and its workers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "default": argparse.SUPPRESS})

    def __call__(self, *_: Any) -> None:
        os.environ[NO_VERIFY] = "1"


def add_config(parser: argparse.ArgumentParser, text: str = "config file") -> None:
    """The positional ``config``: a path, or a name below ``configs/``."""
    parser.add_argument("config", type=config_file, help=text)


def add_cfg_options(parser: argparse.ArgumentParser, example: str = "") -> None:
    """Overrides of config keys: ``--cfg-options KEY=VALUE ...``."""
    text = f"override config keys{': ' if example else ''}{example}"
    parser.add_argument(
        "--cfg-options", nargs="+", action=KeysAndValues, default={}, help=text
    )


class KeysAndValues(argparse.Action):
    """A dictionary of ``KEY=VALUE ...``, values as :func:`option_value` reads them."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        options = dict(getattr(namespace, self.dest) or {})
        try:
            options |= keys_and_values(values)
        except ValueError as error:
            raise argparse.ArgumentError(self, str(error)) from error
        setattr(namespace, self.dest, options)


def keys_and_values(words: Iterable[str]) -> dict[str, Any]:
    """Options of words ``KEY=VALUE``.

    Raises:
        ValueError: If a word is another.
    """
    options = {}
    for text in words:
        key, equals, value = text.partition("=")
        if not (key.strip() and equals):
            raise ValueError(
                "expected KEY=VALUE, such as train_cfg.max_epochs=3, got "
                f"{text!r}; a value with blanks needs quotes around KEY=VALUE"
            )
        options[key.strip()] = option_value(value)
    return options


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """The folder of prepared data, instead of the config's."""
    parser.add_argument("--data-root", help="prepared data, instead of the config's")


def config_file(text: str) -> str:
    """The path of a config; one that does not exist is looked up in the package.

    ``ESAM_CA/ESAM_sv_synthetic_CA.py`` and the same below ``configs/`` are found in the
    configs of a checkout or of an installed wheel. Unknown names stay.
    """
    name = text.removeprefix("configs/")
    folders = (PACKAGE / "configs", PACKAGE.parents[1] / "configs")
    found = [folder / name for folder in folders if (folder / name).is_file()]
    return str(found[0]) if found and not Path(text).exists() else text
