"""``vantage3d make-synthetic``; ``--help`` says more."""

from vantage3d.cli.data import make_synthetic as main

if __name__ == "__main__":
    main()
