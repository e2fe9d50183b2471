"""What only DELTAS reads; importing registers the name."""

from vantage3d.deltas.datasets.scannet import PublishedScanNetViews

__all__ = ["PublishedScanNetViews"]
