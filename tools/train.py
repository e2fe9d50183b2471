"""``vantage3d train``; ``--help`` says more."""

from vantage3d.cli.runs import train as main

if __name__ == "__main__":
    main()
