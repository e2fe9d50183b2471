"""Vantage3D: 3D perception from posed images."""

from vantage3d.absent_mmcv_ops import install as _install_absent_mmcv_ops

_install_absent_mmcv_ops()
