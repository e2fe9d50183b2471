"""The small synthetic KITTI-360 and its cache."""

from tests.drives import cache, raw

__all__ = ["cache", "raw"]
