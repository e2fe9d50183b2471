"""``vantage3d test``; ``--help`` says more."""

from vantage3d.cli.runs import test as main

if __name__ == "__main__":
    main()
