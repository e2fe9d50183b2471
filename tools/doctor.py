"""``doctor``, even where the set-up did not finish; ``--help`` says more."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "projects"))

from vantage3d.cli.doctor import doctor as main

if __name__ == "__main__":
    main()
