"""Check a config's image features before training: projection, shapes, NaN, time.

Example:
    python tools/check_fusion.py configs/ESAM_CA/ESAM_sv_synthetic_CA_dino_inject.py \
        --samples 10 --data-root data/flush

Runs forward passes over samples of the train and the test set. Exit code 0 if all is
well, 1 if there are problems (listed at the end), 2 if it cannot run.
"""

import argparse
import sys
from pathlib import Path

from mmengine.config import DictAction

from vantage3d.engine import load_config, set_data_root
from vantage3d.esam.fusion_check.fusion_check import check_fusion
from vantage3d.esam.fusion_check.fusion_report import (
    report_text,
    write_projection_picture,
)
from vantage3d.process.command import one_message


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("config", help="config file")
    add("--samples", type=int, default=10, help="of each set")
    add("--checkpoint", help="weights; the initial ones if absent")
    add("--data-root", help="prepared data, instead of the config's")
    add("--out", type=Path, help="default: work_dirs/check_fusion/<config name>")
    add("--cfg-options", nargs="+", action=DictAction, help="override config keys")
    args = parser.parse_args()
    with one_message("stopped"):
        cfg = load_config(args.config, args.cfg_options)
        if args.data_root is not None:
            set_data_root(cfg, args.data_root)
        check = check_fusion(cfg, args.samples, args.checkpoint)
        text = report_text(check)
        print(text)
        out = args.out or Path("work_dirs/check_fusion") / Path(args.config).stem
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.txt").write_text(text + "\n")
        if check.samples:
            write_projection_picture(out / "projection.png", check)
            print(f"points on images: {out / 'projection.png'}")
    sys.exit(1 if check.problems else 0)


if __name__ == "__main__":
    main()
