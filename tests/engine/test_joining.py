"""Processes of a restart find each other, not those that died."""

import multiprocessing
import os
import time

import pytest
import torch

from vantage3d.engine.joining import join_processes

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def store(monkeypatch):
    """The store of torchrun, which outlives the processes."""
    store = torch.distributed.TCPStore("localhost", 0, 3, True, wait_for_workers=False)
    agent = {"MASTER_ADDR": "localhost", "MASTER_PORT": f"{store.port}"}
    agent |= {"WORLD_SIZE": "2", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    for name, value in agent.items():
        monkeypatch.setenv(name, value)
    return store


def start(rank, restart):
    def join():
        os.environ |= {"RANK": f"{rank}", "TORCHELASTIC_RESTART_COUNT": f"{restart}"}
        join_processes()
        total = torch.tensor([rank + 1])
        torch.distributed.all_reduce(total)
        os._exit(10 + int(total))

    process = FORK.Process(target=join)
    process.start()
    return process


def ends(*processes):
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def test_a_restart_does_not_call_the_dead(store):
    """The second process comes late: until then the store holds the first one's."""
    assert ends(start(0, restart=0), start(1, restart=0)) == [13, 13]
    early = start(1, restart=1)
    time.sleep(0.5)
    assert early.is_alive()
    assert ends(early, start(0, restart=1)) == [13, 13]
