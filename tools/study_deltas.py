"""``vantage3d study-deltas``; ``--help`` says more."""

from vantage3d.cli.deltas import study_deltas as main

if __name__ == "__main__":
    main()
