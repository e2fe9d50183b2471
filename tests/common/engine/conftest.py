"""Runs inside the test process leave torch's settings as they were."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _settings_come_back():
    deterministic = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    yield
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = benchmark
