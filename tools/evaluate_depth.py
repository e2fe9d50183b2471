"""``vantage3d evaluate-depth``; ``--help`` says more."""

from vantage3d.cli.depth import evaluate_depth as main

if __name__ == "__main__":
    main()
