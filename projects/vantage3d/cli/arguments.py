"""Arguments that several commands share."""

import argparse
from inspect import cleandoc
from pathlib import Path

import vantage3d

PACKAGE = Path(vantage3d.__file__).parent


def command_parser(doc: str) -> argparse.ArgumentParser:
    """A parser whose description is the docstring of the command."""
    return argparse.ArgumentParser(
        description=cleandoc(doc), formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_config(parser: argparse.ArgumentParser, text: str = "config file") -> None:
    """The positional ``config``: a path, or a name below ``configs/``."""
    parser.add_argument("config", type=config_file, help=text)


def add_cfg_options(parser: argparse.ArgumentParser, example: str = "") -> None:
    """Overrides of config keys: ``--cfg-options KEY=VALUE ...``."""
    from mmengine.config import DictAction

    text = f"override config keys{': ' if example else ''}{example}"
    parser.add_argument(
        "--cfg-options", nargs="+", action=DictAction, default={}, help=text
    )


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
