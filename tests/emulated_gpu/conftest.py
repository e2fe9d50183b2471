"""The pretended GPU as a fixture, and the list of what waits for it."""

from collections import Counter

import pytest

from tests.emulated_gpu.device import WAITS, emulated_gpu

BY_TEST: dict[str, Counter] = {}


def pytest_collection_modifyitems(items):
    for item in items:
        if "emulated_gpu" in item.path.parts:
            item.add_marker(pytest.mark.emulated_gpu)


@pytest.fixture
def gpu(request):
    """A pretended GPU for the test; its waits are noted under the test's name."""
    WAITS.clear()
    with emulated_gpu():
        yield
    BY_TEST[request.node.name] = Counter(WAITS)
