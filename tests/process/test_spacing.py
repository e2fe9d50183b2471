"""Some of many, evenly over them."""

from vantage3d.process.spacing import evenly_spaced


def test_the_first_and_the_last_are_among_them_and_none_twice():
    assert evenly_spaced(9, 3) == [0, 4, 8]
    assert evenly_spaced(2, 5) == [0, 1]
    assert evenly_spaced(7, 1) == [0]
    assert evenly_spaced(0, 4) == []
