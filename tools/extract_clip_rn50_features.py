"""``vantage3d extract-clip-rn50-features``; ``--help`` says more."""

from vantage3d.cli.features import extract_clip_rn50_features as main

if __name__ == "__main__":
    main()
