"""``vantage3d visualize-depth-metrics``; ``--help`` says more."""

from vantage3d.cli.depth import visualize_depth_metrics as main

if __name__ == "__main__":
    main()
