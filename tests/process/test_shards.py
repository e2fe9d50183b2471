"""Who takes what of a shared work."""

import pytest

from vantage3d.process.shards import Shard, read_shard


def test_shards_partition_the_frames():
    frames = list(range(23))
    parts = [Shard(rank, 5).of(frames) for rank in range(5)]
    assert sorted(item for part in parts for item in part) == frames
    assert {len(part) for part in parts} == {4, 5}


def test_the_shard_comes_from_options_else_from_torchrun():
    env = {"RANK": "3", "WORLD_SIZE": "4"}
    assert read_shard(None, None, env) == Shard(3, 4)
    assert read_shard(0, 2, env) == Shard(0, 2)
    assert read_shard(None, None, {}) == Shard(0, 1)
    env = {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "3", "SLURM_NTASKS": "3"}
    assert read_shard(None, None, env) == Shard(1, 3)
    del env["SLURM_STEP_NUM_TASKS"]  # the batch script itself, which may merge
    assert read_shard(None, None, env) == Shard(0, 1)


@pytest.mark.parametrize("rank", [-1, 4])
def test_refuses_a_rank_out_of_range(rank):
    with pytest.raises(ValueError, match=rf"--rank must be in 0..3 .*got {rank}"):
        read_shard(rank, 4)


def test_refuses_half_a_shard():
    with pytest.raises(ValueError, match="got --rank 1 --world-size None"):
        read_shard(1, None)
