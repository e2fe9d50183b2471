"""Generators' states survive their way through a message."""

import random

import numpy as np
import pytest
import torch

from vantage3d.engine.exchange import Exchange, message, states_of
from vantage3d.process.seeding import random_states, set_random_states


def draws():
    return [
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.standard_normal(),
        torch.rand(2).tolist(),
        torch.randn(3).tolist(),
    ]


@pytest.mark.parametrize("stop", [False, True])
def test_generators_go_on_from_a_message(stop):
    random.seed(1), np.random.seed(2), torch.manual_seed(3)
    draws()  # a second normal number is kept by each
    told = message(stop, random_states(), 20_000)
    expected = draws()
    assert told.shape == (20_000,) and bool(told[0]) == stop
    set_random_states(states_of(told))
    assert draws() == expected


def test_states_of_every_gpu_are_told():
    states = random_states()
    states["cuda"] = [torch.arange(16, dtype=torch.uint8), torch.ones(16).byte()]
    found = states_of(message(False, states, 20_000))["cuda"]
    assert all(torch.equal(a, b) for a, b in zip(states["cuda"], found, strict=True))


def test_a_message_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match=r"states take 1\d{4} bytes, expected 9000"):
        message(False, random_states(), 9000)


def test_one_process_tells_itself():
    exchange = Exchange(random_states())
    states = random_states()
    assert not exchange.tell(False, states) and exchange.tell(True, states)
    assert exchange.random_states()[0] is states
