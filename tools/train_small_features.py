"""``vantage3d train-small-features``; ``--help`` says more."""

from vantage3d.cli.features import train_small_features as main

if __name__ == "__main__":
    main()
