"""Datasets of DELTAS; importing registers their names."""

from projects.deltas.datasets.collation import collate_sequences
from projects.deltas.datasets.scannet import ScanNetSequences
from projects.deltas.datasets.sequences import SequenceDataset

__all__ = ["ScanNetSequences", "SequenceDataset", "collate_sequences"]
