"""``vantage3d check-fusion``; ``--help`` says more."""

from vantage3d.cli.features import check_fusion as main

if __name__ == "__main__":
    main()
