"""The grammar of streets, and what a car that drives along one records of them."""

from vantage3d.synthetic.streets.drive import StreetFrame, film
from vantage3d.synthetic.streets.layout import Street, make_street
from vantage3d.synthetic.streets.site import STYLES

__all__ = ["STYLES", "Street", "StreetFrame", "film", "make_street"]
