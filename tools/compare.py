"""Train and evaluate several configs under equal conditions; the first is the baseline.

Example:
    python tools/compare.py --configs "3D only=configs/a.py" "injection=configs/b.py" \
        --seeds 0 1 --data-root data/flush --out work_dirs/compare

Call it again after a kill: finished runs are skipped, the rest goes on.
"""

import argparse
from pathlib import Path

from mmengine.config import DictAction

from vantage3d.comparison import Plan, run_all, write_report
from vantage3d.process.command import one_message


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--configs", nargs="+", required=True, metavar="[NAME=]FILE")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add("--out", type=Path, required=True, help="folder of all runs and the report")
    add("--data-root", help="prepared data, instead of the configs'")
    add("--load-from", type=Path, help="weights that all start from (default: random)")
    add("--cfg-options", nargs="+", action=DictAction, default={}, help="for all")
    args = parser.parse_args()
    with one_message("stopped; the same command goes on from here"):
        plan = Plan(
            configs=named_configs(args.configs),
            seeds=tuple(args.seeds),
            out=args.out,
            options=args.cfg_options,
            data_root=args.data_root,
            load_from=args.load_from,
        )
        print(write_report(plan, run_all(plan)))


def named_configs(texts: list[str]) -> dict[str, Path]:
    """``NAME=FILE`` or ``FILE``, which is named after itself."""
    configs: dict[str, Path] = {}
    for text in texts:
        name, _, file = text.rpartition("=")
        path = Path(file)
        name = name or path.stem
        if name in configs:
            raise ValueError(f"two configs are named {name!r}. Give NAME=FILE")
        configs[name] = path
    return configs


if __name__ == "__main__":
    main()
