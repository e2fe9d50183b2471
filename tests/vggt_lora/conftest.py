"""The small synthetic KITTI-360 and its cache."""

from tests.drives import DRIVES, VIEW, cache, raw

__all__ = ["DRIVES", "VIEW", "cache", "raw"]
