"""``vantage3d create-data``; ``--help`` says more."""

from vantage3d.cli.data import create_data as main

if __name__ == "__main__":
    main()
