"""One evaluated run for all tests that only read."""

import pytest

from tests.vggt_lora.evaluation.runs.adapter_runs import evaluate, write_adapter


@pytest.fixture(scope="session")
def adapters(tmp_path_factory):
    """A work dir with three checkpoints of one run."""
    folder = tmp_path_factory.mktemp("adapters")
    for number in (2, 10, 4):
        write_adapter(folder, f"iter_{number}", number)
    return folder


@pytest.fixture(scope="session")
def evaluated(adapters, cache, tmp_path_factory):
    """Its result folder; not to be changed."""
    folder = tmp_path_factory.mktemp("evaluated")
    evaluate(cache, folder, adapters)
    return folder
