"""``vantage3d run-stream``; ``--help`` says more."""

from vantage3d.cli.stream import run_stream as main

if __name__ == "__main__":
    main()
