import vantage3d  # noqa: F401  stands in for mmcv's operators before any test imports mmdet3d
