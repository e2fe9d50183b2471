"""The grammar of streets: ``layout`` puts ``houses``, ``sections`` and ``objects``
along a road, ``site`` says what a district looks like, ``light`` is the daylight,
``filming`` the camera, ``lidar`` the scanner and ``drive`` the way they go."""

from vantage3d.synthetic.streets.layout import Street, make_street
from vantage3d.synthetic.streets.sensors import StreetFrame, film
from vantage3d.synthetic.streets.site import STYLES

__all__ = ["STYLES", "Street", "StreetFrame", "film", "make_street"]
