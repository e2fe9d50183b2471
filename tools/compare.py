"""``vantage3d compare``; ``--help`` says more."""

from vantage3d.cli.runs import compare as main

if __name__ == "__main__":
    main()
