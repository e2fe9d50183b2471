"""``vantage3d evaluate``; ``--help`` says more."""

from vantage3d.cli.evaluate import evaluate as main

if __name__ == "__main__":
    main()
