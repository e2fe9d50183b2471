"""``vantage3d predict``; ``--help`` says more."""

from vantage3d.cli.predict import predict as main

if __name__ == "__main__":
    main()
