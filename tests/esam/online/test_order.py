"""Which frame continues a stream."""

import numpy as np
import pytest

from vantage3d.esam.online.order import Moment, Order


def at(x: float, time: float = np.nan) -> Moment:
    return Moment(np.array([x, 0.0, 0.0]), time)


def used(order: Order, *moments: Moment) -> list[bool]:
    answers = []
    for number, moment in enumerate(moments):
        try:
            order.check(str(number), moment)
            order.go_on(moment)
            answers.append(True)
        except ValueError:
            answers.append(False)
    return answers


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([at(0), at(4.9), at(9.8)], [True, True, True]),
        ([at(0), at(6), at(0.1)], [True, False, True]),
        ([at(0), at(6), at(6.1), at(0)], [True, False, True, False]),
        ([at(0), at(6), at(-6), at(20), at(1)], [True, False, False, False, True]),
        ([at(0, 1), at(0, 1), at(0, 2)], [True, False, True]),
        ([at(0, 1), at(0, 9), at(0, 2), at(0, 3)], [True, True, False, True]),
        ([at(0, 1), at(0), at(0, 0.5)], [True, True, True]),
    ],
)
def test_one_wrong_frame_costs_itself_and_a_new_beginning_one(moments, expected):
    assert used(Order(), *moments) == expected


def test_why_a_frame_is_refused():
    order = Order()
    order.go_on(at(0, 2.5))
    with pytest.raises(ValueError, match=r"frame b is of 1\.000000 s, .* 2\.500000 s"):
        order.check("b", at(0, 1))
    with pytest.raises(ValueError, match=r"frame c jumps 7\.0 m"):
        order.check("c", at(7, 3))


def test_it_goes_on_as_its_array_says():
    order = Order()
    assert Order.of_array(order.array).moments == (None, None)
    assert used(order, at(0, 1), at(9, 2)) == [True, False]
    again = Order.of_array(order.array)
    assert again.last.time == 1 and again.refused.at[0] == 9
    assert used(again, at(9.1, 3)) == [True]
