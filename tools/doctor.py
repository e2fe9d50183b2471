"""Say what is installed, which devices and sparse engines work, and what is missing."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    sys.path.insert(0, str(ROOT / "projects"))  # even where set-up did not finish
    from vantage3d.doctor import diagnose

    healthy = diagnose(ROOT, lambda text: print(text, flush=True))
    sys.exit(0 if healthy else 1)


if __name__ == "__main__":
    main()
