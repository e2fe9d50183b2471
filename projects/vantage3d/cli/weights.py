"""``weights``."""

import sys
from pathlib import Path

from vantage3d.cli.arguments import command_parser
from vantage3d.process.command import one_message


def weights(argv: list[str] | None = None) -> None:
    """Released weights: what for, where from, under which licence, which are there.

    Examples:
        vantage3d weights                             # all, and which are there
        vantage3d weights dinov2_vitl14               # one
        vantage3d weights fetch vggt_1b               # says the licence
        vantage3d weights fetch vggt_1b --accept-licence

    Hashes are compared with the published ones where there are any. Exit code 0, 1 if
    one differs, 2 if nothing was fetched.
    """
    from vantage3d.io.released_weights import DOCUMENT, FOLDER, RELEASED, markdown

    parser = command_parser(weights.__doc__ or "")
    add = parser.add_argument
    add("words", nargs="*", metavar="[fetch] NAME", help=", ".join(RELEASED))
    add("--accept-licence", action="store_true", help="of what is fetched")
    add("--folder", type=Path, default=Path(FOLDER), help="default: %(default)s")
    text = f"print the table of {DOCUMENT}"
    add("--markdown", action="store_true", help=text)
    args = parser.parse_args(argv)
    fetching = args.words[:1] == ["fetch"]
    names = args.words[fetching:]
    if unknown := [name for name in names if name not in RELEASED]:
        parser.error(f"unknown weights {unknown}, known are {', '.join(RELEASED)}")
    if fetching and not names:
        parser.error("fetch needs a NAME, got none")
    if args.markdown:
        print(markdown())
        return
    with one_message("stopped; the same command goes on from here"):
        for name in names if fetching else ():
            from vantage3d.io.hub import fetch

            print(fetch(RELEASED[name], args.accept_licence, args.folder))
    if not fetching:
        sys.exit(_show(names, args.folder))


def _show(names: list[str], folder: Path) -> int:
    """Print one or all, and return 1 if a hash is another than the published one."""
    from vantage3d.io.released_weights import COLUMNS, RELEASED

    states = {name: RELEASED[name].state(folder) for name in names or RELEASED}
    for name, state in states.items():
        released = RELEASED[name]
        if name not in names:
            print(f"{name:<21}{released.size:<9}{state:<22}{released.used_for}")
            continue
        print("\n".join(f"{k + ':':<12}{v}" for k, v in zip(COLUMNS, released.row)))
        print(f"{'here:':<12}{state}\n{released.how_to_fetch(folder)}")
    if not names:
        print(
            f"\nin {folder}; `vantage3d weights NAME` says where from and the licence"
        )
    return int(any("OTHER" in state for state in states.values()))
