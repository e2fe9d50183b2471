"""The grammar of streets: ``layout`` puts ``houses``, ``vehicles`` and ``plants``
along a road, ``style`` says what a district looks like, ``light`` is the daylight,
``filming`` the camera, ``lidar`` the scanner and ``drive`` the way they go."""

from vantage3d.synthetic.streets.filming import StreetFrame, film
from vantage3d.synthetic.streets.layout import Street, make_street
from vantage3d.synthetic.streets.style import STYLES

__all__ = ["STYLES", "Street", "StreetFrame", "film", "make_street"]
