"""Say what is installed, which devices and sparse engines work, and what is missing."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # works even where the set-up did not finish

from projects.common.doctor import diagnose  # noqa: E402


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    healthy = diagnose(ROOT, lambda text: print(text, flush=True))
    sys.exit(0 if healthy else 1)


if __name__ == "__main__":
    main()
