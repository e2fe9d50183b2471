"""``vantage3d evaluate-eth3d``; ``--help`` says more."""

from vantage3d.cli.depth import evaluate_eth3d as main

if __name__ == "__main__":
    main()
