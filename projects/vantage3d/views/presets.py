"""ScanNet exports, as they are on disk."""

from typing import Any

from vantage3d.registry import DATASETS
from vantage3d.views.indexed import IndexedDataset


@DATASETS.register_module()
class ScanNetViewsDataset(IndexedDataset):
    """Frames of exported scenes, colour registered to the depth image.

    Args:
        data_root: Index by ``tools/create_data.py scannet_views``.
        split: ``train``, ``val`` or ``test``.
        max_depth: The sensor is poor beyond 10 m.
        sampling: Arguments of ``FrameSampling``; frames within 8 times their number
            around the anchor if not given.
        **options: Of :class:`IndexedDataset`.
    """

    METAINFO = {"metric": True}

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        max_depth: float | None = 10.0,
        sampling: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            data_root,
            split,
            max_depth=max_depth,
            sampling={"spread": 8} if sampling is None else sampling,
            **options,
        )
