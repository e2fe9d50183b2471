"""The order of the suite knows no module that is gone."""

from pathlib import Path

import pytest

from tests.conftest import LONG


@pytest.mark.parametrize("name", LONG)
def test_a_long_module_is_there(name):
    assert (Path(__file__).parent / name).is_file()
