"""``vantage3d weights``; ``--help`` says more."""

from vantage3d.cli.weights import weights as main

if __name__ == "__main__":
    main()
