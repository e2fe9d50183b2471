"""Vantage3D: 3D perception from posed images."""

from vantage3d.stand_ins import install as _install_stand_ins

_install_stand_ins()
