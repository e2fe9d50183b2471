"""``vantage3d extract-dino-v2-features``; ``--help`` says more."""

from vantage3d.cli.features import extract_dino_v2_features as main

if __name__ == "__main__":
    main()
