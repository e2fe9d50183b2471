"""``vantage3d merge-lora``; ``--help`` says more."""

from vantage3d.cli.depth import merge_lora as main

if __name__ == "__main__":
    main()
