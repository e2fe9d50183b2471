"""``--help`` says more."""

from vantage3d.cli.inspection import browse_dataset as main

if __name__ == "__main__":
    main()
