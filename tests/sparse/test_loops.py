"""Threads of the engine do their work and leave torch's settings alone."""

import pytest
import torch

from vantage3d.sparse.loops import run_parts


@pytest.fixture
def eight_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("pieces", [1, 2, 5, 8])
def test_every_piece_is_done_once_and_the_thread_count_stays(eight_threads, pieces):
    done = torch.zeros(pieces)
    run_parts(lambda index: done[index].add_(1), list(range(pieces)), 2)
    assert done.tolist() == [1] * pieces
    assert torch.get_num_threads() == 8


def test_a_single_piece_runs_on_one_core(eight_threads):
    found = []
    run_parts(lambda _: found.append(torch.get_num_threads()), [0], 8)
    run_parts(lambda _: found.append(torch.get_num_threads()), [0], 1)
    assert found == [1, 8]  # the second one in the calling thread


def test_an_error_in_a_piece_reaches_the_caller(eight_threads):
    def fail(index):
        raise ValueError(f"piece {index}")

    with pytest.raises(ValueError, match="piece 0"):
        run_parts(fail, [0, 1], 2)
