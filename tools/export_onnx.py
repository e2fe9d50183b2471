"""``vantage3d export-onnx``; ``--help`` says more."""

from vantage3d.cli.depth import export_onnx as main

if __name__ == "__main__":
    main()
