"""``vantage3d export-deltas``; ``--help`` says more."""

from vantage3d.cli.depth import export_deltas as main

if __name__ == "__main__":
    main()
