"""Vantage3D: 3D perception from posed images (distribution name ``vantage3d``)."""
