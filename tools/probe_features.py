"""``vantage3d probe-features``; ``--help`` says more."""

from vantage3d.cli.features import probe_features as main

if __name__ == "__main__":
    main()
