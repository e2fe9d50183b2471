"""When checkpoints are saved, and which of them stay."""

from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from vantage3d.engine.checkpoints.hook import CheckpointHook
from vantage3d.engine.errors import ConfigError


def runner_at(iteration: int, folder, asked: list) -> SimpleNamespace:
    """What the hook needs of a runner; saves are only counted."""
    return SimpleNamespace(
        iter=iteration,
        epoch=0,
        work_dir=str(folder),
        message_hub=MessageHub.get_instance(str(folder)),
        save_when_safe=asked.append,
    )


def test_the_untrained_model_is_never_best(tmp_path):
    hook = CheckpointHook(by_epoch=False, save_best="AbsRel", rule="less")
    asked: list = []
    hook.after_val_epoch(runner_at(0, tmp_path, asked), {"AbsRel": 0.1})
    assert not asked
    trained = runner_at(5, tmp_path, asked)
    hook.after_val_epoch(trained, {"AbsRel": 0.2})
    assert len(asked) == 1
    assert trained.message_hub.get_info("best_score") == 0.2
    assert trained.message_hub.get_info("best_ckpt").endswith("best_AbsRel_iter_5.pth")


def test_an_unknown_metric_is_noticed_before_training(tmp_path):
    hook = CheckpointHook(by_epoch=False, save_best="AP", rule="greater")
    with pytest.raises(ConfigError, match=r"`AP`, the evaluation gave \['AbsRel'\]"):
        hook.after_val_epoch(runner_at(0, tmp_path, []), {"AbsRel": 0.1})
