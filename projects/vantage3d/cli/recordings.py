"""Commands on recordings before anything is made of them."""

from pathlib import Path

from vantage3d.cli.arguments import command_parser
from vantage3d.process.command import USER_ERROR, one_message


def check_recording(argv: list[str] | None = None) -> None:
    """Say what a recording is, and name what is wrong with it and the remedy.

    Example:
        python tools/check_recording.py data/desk
        python tools/check_recording.py data/desk --depth-scale 5000 --out OUT

    Views that are far enough apart are seen through each other, as the files are read
    and as they might be meant. The exit code is 2 where something is surely wrong.
    """
    from vantage3d.converters.runs import add_extra_roots, from_args
    from vantage3d.recordings.options import Remedies, add_layout, add_remedies

    parser = command_parser(check_recording.__doc__ or "")
    add = parser.add_argument
    add("root", type=Path, help="folder or file of the recording")
    add_layout(parser)
    add("--out", type=Path, help="folder of report.json and pictures of two views")
    add_remedies(parser)
    add_extra_roots(parser)
    args = parser.parse_args(argv)
    from vantage3d.recordings.detection import open_recording
    from vantage3d.recordings.findings import errors
    from vantage3d.recordings.preflight import report

    with one_message("stopped; call it again"):
        remedies = from_args(Remedies, args)
        recording = open_recording(args.root, args.layout, remedies)
        reports = report.examine(recording)
        print(report.as_text(recording, reports))
        if args.out is not None:
            report.write_report(args.out, recording, reports)
    if any(errors(one.findings) for one in reports):
        raise SystemExit(USER_ERROR)
