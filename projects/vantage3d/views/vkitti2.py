"""Virtual KITTI 2."""

from typing import Any

from vantage3d.registry import DATASETS
from vantage3d.views.indexed import IndexedDataset

FAR = 80.0  # metres


@DATASETS.register_module()
class VirtualKitti2Dataset(IndexedDataset):
    """Rendered drives with exact depth.

    Sequences are called ``Scene01/clone/Camera_0``.

    Args:
        data_root: Index by ``tools/create_data.py vkitti``.
        split: ``train`` or ``val``.
        min_frames: As in released training, 24.
        max_depth: As in released training, 80 m.
        sampling: Arguments of ``FrameSampling``; frames within 8 times their number
            around the anchor, as in released training, if not given.
        **options: Of :class:`IndexedDataset`.
    """

    METAINFO = {"metric": True}

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        min_frames: int = 24,
        max_depth: float | None = FAR,
        sampling: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            data_root,
            split,
            min_frames=min_frames,
            max_depth=max_depth,
            sampling={"spread": 8} if sampling is None else sampling,
            **options,
        )
