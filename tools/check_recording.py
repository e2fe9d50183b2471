"""``vantage3d check-recording``; ``--help`` says more."""

from vantage3d.cli.recordings import check_recording as main

if __name__ == "__main__":
    main()
