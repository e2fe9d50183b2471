"""``vantage3d study-deltas``; ``--help`` says more."""

from vantage3d.cli.depth import study_deltas as main

if __name__ == "__main__":
    main()
