"""Commands on predicted scenes."""

from pathlib import Path

from vantage3d.cli.arguments import command_parser
from vantage3d.process.command import one_message


def index_results(argv: list[str] | None = None) -> None:
    """List the scenes below a folder on one page, with pictures and links.

    Example:
        python tools/index_results.py OUT
    """
    parser = command_parser(index_results.__doc__ or "")
    parser.add_argument("folder", type=Path, help="what --out of predict.py named")
    args = parser.parse_args(argv)
    from vantage3d.results.index import write_index

    with one_message("stopped; call it again"):
        print(write_index(args.folder))
