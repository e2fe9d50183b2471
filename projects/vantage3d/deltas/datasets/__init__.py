"""Datasets of DELTAS; importing registers their names."""

from vantage3d.deltas.datasets.scannet import ScanNetSequences
from vantage3d.views.collation import collate_sequences
from vantage3d.views.sequences import SequenceDataset

__all__ = ["ScanNetSequences", "SequenceDataset", "collate_sequences"]
