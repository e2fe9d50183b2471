"""ScanNet for DELTAS, with its official test scenes kept apart."""

from collections.abc import Sequence

from projects.common.frame_index.scannet import check_splits
from projects.deltas.datasets.sequences import SequenceDataset
from projects.registry import DATASETS


@DATASETS.register_module()
class ScanNetSequences(SequenceDataset):
    """Scenes of an index by ``tools/create_data.py scannet_frames``.

    Scenes of the official test set (scene0707 to scene0806) are refused in ``train``
    and ``val``, whatever the index says.
    """

    def check_scenes(self, scenes: Sequence[str], split: str) -> None:
        check_splits({split: scenes})
