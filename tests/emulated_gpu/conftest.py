"""The pretended GPU as a fixture; ``--waits`` prints what waits for it."""

import pytest

from tests.emulated_gpu.device import WAITS, emulated_gpu
from tests.emulated_gpu.steps import waits_table


def pytest_addoption(parser):
    parser.addoption("--waits", action="store_true", help="what waits for the GPU")


def pytest_collection_modifyitems(items):
    for item in items:
        if "emulated_gpu" in item.path.parts:
            item.add_marker(pytest.mark.emulated_gpu)


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("waits", False):
        terminalreporter.write(f"\n{waits_table()}\n")


@pytest.fixture
def gpu():
    """A pretended GPU for the test."""
    WAITS.clear()
    with emulated_gpu():
        yield
