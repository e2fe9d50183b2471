"""``vantage3d index-results``; ``--help`` says more."""

from vantage3d.cli.results import index_results as main

if __name__ == "__main__":
    main()
