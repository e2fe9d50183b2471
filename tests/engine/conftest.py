"""Runs inside the test process leave torch's settings as they were."""

import pytest
import torch
from mmengine.registry import init_default_scope

from vantage3d.registry import SCOPE


@pytest.fixture(autouse=True)
def _settings_come_back():
    init_default_scope(SCOPE)  # what a runner does first; some tests have none
    deterministic = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    yield
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = benchmark
