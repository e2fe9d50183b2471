"""``--help`` says more."""

from vantage3d.cli.inspection import print_config as main

if __name__ == "__main__":
    main()
