"""``vantage3d compare-depth-runs``; ``--help`` says more."""

from vantage3d.cli.depth import compare_depth_runs as main

if __name__ == "__main__":
    main()
