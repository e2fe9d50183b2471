"""Any data with annotation files: ScanNet, Replica, Matterport3D, Hypersim, own."""

from typing import Any

from vantage3d.registry import DATASETS
from vantage3d.views.indexed import IndexedDataset


@DATASETS.register_module()
class AnnotationDataset(IndexedDataset):
    """Frames whose cameras stand in a ``.jgz`` file; see data/README.md.

    How depth is stored (integers and their scale, ``.npy``, Hypersim's distances) is
    said once, to ``tools/create_data.py annotations``.

    Args:
        data_root: Index by ``tools/create_data.py annotations``.
        split: ``train`` or ``val`` (the annotations' ``test``).
        percentile: As in released training, 98.
        **options: Of :class:`IndexedDataset`.
    """

    METAINFO = {"metric": True}

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        percentile: float | None = 98.0,
        **options: Any,
    ) -> None:
        super().__init__(data_root, split, percentile=percentile, **options)
