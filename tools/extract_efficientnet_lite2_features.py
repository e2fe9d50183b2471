"""``vantage3d extract-efficientnet-lite2-features``; ``--help`` says more."""

from vantage3d.cli.features import extract_efficientnet_lite2_features as main

if __name__ == "__main__":
    main()
