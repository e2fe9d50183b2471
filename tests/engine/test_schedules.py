"""A training that is longer than its schedule says so, or is refused."""

import pytest

from tests.engine import runs
from vantage3d.engine import train
from vantage3d.engine.errors import ConfigError


def schedule(**last):
    warm_up = {"type": "LinearLR", "start_factor": 0.1, "by_epoch": False, "end": 3}
    return {
        "param_scheduler": [warm_up, last],
        "default_hooks.checkpoint.save_best": None,
    }


POLY = {"type": "PolyLR", "begin": 0, "end": 2}
COSINE = {"type": "CosineAnnealingLR", "T_max": 12, "by_epoch": False, "end": 12}


@pytest.mark.parametrize("last", [POLY, COSINE])
def test_a_longer_training_is_refused_where_its_rate_would_be_zero(tmp_path, last):
    """A finished run of two epochs of six iterations, resumed with four."""
    last = {**last, "eta_min": 0}
    options = {**schedule(**last), "train_cfg.max_epochs": 2}
    assert runs.run(tmp_path, options) == 0
    longer = {**options, "train_cfg.max_epochs": 4}
    assert runs.run(tmp_path, longer, resume=True) == 2
    output = (tmp_path / "output.txt").read_text()
    start = "error: the schedule (`param_scheduler`) ends after epoch 2, `train_cfg."
    assert f"{start}max_epochs` is 4: the learning rate is 0 for the 2 epochs" in output
    assert f"load_from={tmp_path}/epoch_2.pth train_cfg.max_epochs=N" in output
    assert "or set `train_cfg.max_epochs` to 2" in output
    assert not (tmp_path / "epoch_3.pth").exists()
    assert runs.run(tmp_path, options, resume=True) == 0  # nothing is left to do


def test_a_rate_that_stays_low_is_a_warning(tmp_path):
    low = {**schedule(**POLY, eta_min=1e-4), "train_cfg.max_epochs": 3}
    assert runs.run(tmp_path, low) == 0
    output = (tmp_path / "output.txt").read_text()
    assert "WARNING - the schedule (`param_scheduler`) ends after epoch 2" in output
    assert "stays at its lowest value for the 1 epochs behind its end" in output


def test_a_new_training_is_told_before_it_begins(tmp_path):
    options = {**schedule(**POLY), "train_cfg.max_epochs": 5}
    message = r"Let `param_scheduler` end at 5, or set `train_cfg.max_epochs` to 2\. No"
    with pytest.raises(ConfigError, match=message):
        train(runs.CONFIG, str(tmp_path), cfg_options=options)


def test_iterations_are_counted_where_the_loop_counts_them(tmp_path):
    loop = {"_delete_": True, "by_epoch": False, "max_iters": 20, "val_interval": 20}
    options = {**schedule(**COSINE, eta_min_ratio=0), "train_cfg": loop}
    message = r"ends after iteration 12, `train_cfg.max_iters` is 20: .* 8 iterations"
    with pytest.raises(ConfigError, match=message):
        train(runs.CONFIG, str(tmp_path), cfg_options=options)
