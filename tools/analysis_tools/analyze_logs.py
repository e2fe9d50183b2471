"""``--help`` says more."""

from vantage3d.cli.inspection import analyze_logs as main

if __name__ == "__main__":
    main()
