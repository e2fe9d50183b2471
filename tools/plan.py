"""``vantage3d plan``; ``--help`` says more."""

from vantage3d.cli.plan import plan as main

if __name__ == "__main__":
    main()
