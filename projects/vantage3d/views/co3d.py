"""Co3D version 2, with the annotations of released VGGT."""

from typing import Any

from vantage3d.registry import DATASETS
from vantage3d.views.indexed import IndexedDataset

# The categories that VGGT was trained on; Co3D's other ten are for evaluation.
SEEN_CATEGORIES = (
    *("apple", "backpack", "banana", "baseballbat", "baseballglove", "bench"),
    *("bicycle", "bottle", "bowl", "broccoli", "cake", "car", "carrot", "cellphone"),
    *("chair", "cup", "donut", "hairdryer", "handbag", "hydrant", "keyboard"),
    *("laptop", "microwave", "motorcycle", "mouse", "orange", "parkingmeter"),
    *("pizza", "plant", "stopsign", "teddybear", "toaster", "toilet", "toybus"),
    *("toyplane", "toytrain", "toytruck", "tv", "umbrella", "vase", "wineglass"),
)


@DATASETS.register_module()
class Co3DDataset(IndexedDataset):
    """Turns around objects; depth in the scale of each sequence, not metres.

    Sequences are called ``<category>/<name>``; ``sequences=["apple/*"]`` takes one
    category. Depth is valid on the object mask only.

    Args:
        data_root: Index by ``tools/create_data.py co3d``.
        split: ``train`` or ``val`` (the annotations' ``test``).
        min_frames: As in released training, 24.
        percentile: As in released training, 98.
        **options: Of :class:`IndexedDataset`.
    """

    METAINFO = {"seen_categories": SEEN_CATEGORIES, "metric": False}

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        min_frames: int = 24,
        percentile: float | None = 98.0,
        **options: Any,
    ) -> None:
        super().__init__(
            data_root, split, min_frames=min_frames, percentile=percentile, **options
        )
