"""What a run keeps of itself, with and without TensorBoard."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vantage3d.visualization import run_record
from vantage3d.visualization.run_record import RunRecordHook


class Visualizer:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self._vis_backends: dict = {}
        self.images: list = []

    def add_image(self, name: str, image: np.ndarray, step: int) -> None:
        self.images.append((name, image, step))


@pytest.fixture
def runner(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    model[0].requires_grad_(False)
    return SimpleNamespace(
        model=model,
        work_dir=str(tmp_path),
        log_dir=str(tmp_path / "log"),
        visualizer=Visualizer(),
        iter=7,
    )


@pytest.mark.parametrize("installed", [True, False])
def test_structure_and_tensorboard(runner, tmp_path, monkeypatch, installed):
    found = object() if installed else None
    monkeypatch.setattr(run_record, "find_spec", lambda name: found)
    backend = lambda folder: f"writes to {folder}"  # noqa: E731
    monkeypatch.setattr(run_record, "TensorboardVisBackend", backend)
    RunRecordHook().before_train(runner)
    text = (tmp_path / "model.txt").read_text()
    assert "Linear(in_features=3, out_features=2" in text
    assert "3 of 11 parameters are trained" in text
    expected = {"tensorboard": f"writes to {tmp_path / 'log/vis_data'}"}
    assert runner.visualizer._vis_backends == (expected if installed else {})


def test_a_picture_per_validation(runner):
    hook = RunRecordHook()
    images = torch.zeros(1, 2, 3, 4, 6)
    images[0, 1, 0] = 1  # the second view is red
    depth = torch.full((2, 4, 6), 2.0)
    depth[:, :, 3:] = 20
    for number in range(2):
        batch = {"inputs": {"images": images * (number == 0)}}
        hook.after_val_iter(runner, number, batch, [{"pred_depth": depth}])
    hook.after_val_epoch(runner)
    ((name, picture, step),) = runner.visualizer.images
    assert (name, step, picture.shape) == ("validation", 7, (4 + 4 + 4, 12, 3))
    assert picture[0, 0].tolist() == [0, 0, 0] and picture[0, 6].tolist() == [255, 0, 0]
    assert picture[8, 0].tolist() == [255] * 3 and picture[8, 3].tolist() == [26] * 3
    hook.after_val_epoch(runner)
    assert len(runner.visualizer.images) == 1, "nothing is drawn twice"
