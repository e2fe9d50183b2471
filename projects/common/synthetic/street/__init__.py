"""The grammar of streets: ``layout`` puts ``houses``, ``vehicles`` and ``plants``
along a road, ``style`` says what a district looks like, ``light`` is the daylight,
``filming`` the camera, ``lidar`` the scanner and ``drive`` the way they go."""

from projects.common.synthetic.street.filming import StreetFrame, film
from projects.common.synthetic.street.layout import Street, make_street
from projects.common.synthetic.street.style import STYLES

__all__ = ["STYLES", "Street", "StreetFrame", "film", "make_street"]
