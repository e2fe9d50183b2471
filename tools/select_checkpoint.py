"""``vantage3d select-checkpoint``; ``--help`` says more."""

from vantage3d.cli.depth import select_checkpoint as main

if __name__ == "__main__":
    main()
