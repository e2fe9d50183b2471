"""Costs in closed form, folders of depth, and the report."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from tests.shared import ROOT
from vantage3d.cli.depth import study_deltas
from vantage3d.deltas.evaluation.study_speed import (
    cameras_in_a_row,
    measure,
    read_prediction,
)
from vantage3d.io.depth_files import write_millimetre_png

CONFIGS = ROOT / "configs/deltas"


class OneConvolution(nn.Module):
    """3 x 3, from 3 to 5 channels, of every view."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1)

    def forward(self, batch, mode):
        return self.conv(batch["images"][0])


def test_costs_of_a_convolution():
    rows = measure(
        {"a": OneConvolution(), "b": OneConvolution()}, cameras_in_a_row(2, 8, 16)
    )
    for row in rows.values():
        assert row["parameters"] == 3 * 5 * 9 + 5
        assert row["G multiply-adds"] == 2 * 8 * 16 * 3 * 5 * 9 / 1e9
        assert row["peak MB"] == pytest.approx(4 * (140 + 2 * 5 * 8 * 16) / 2**20)
        assert row["ms"] > 0
    assert rows["a"]["of the first"] == 1


def test_depth_of_others_is_found_by_sample_or_by_anchor(tmp_path):
    depth = np.array([[1.25, 0], [2, 3]], np.float32)
    write_millimetre_png(tmp_path / "room/7.png", depth)
    assert torch.equal(read_prediction(tmp_path, "room/7-0-9"), torch.from_numpy(depth))
    np.save(tmp_path / "room/7-0-9.npy", 2 * depth)  # the sample's own goes first
    found = read_prediction(tmp_path, "room/7-0-9")
    assert torch.equal(found, 2 * torch.from_numpy(depth))
    with pytest.raises(
        FileNotFoundError, match=r"sample room/8-0: .*room/8-0\.png or "
    ):
        read_prediction(tmp_path, "room/8-0")


def test_costs_without_weights_or_data(tmp_path, capsys):
    beside = f"sweep={CONFIGS}/plane_sweep_synthetic.py:none"
    arguments = ["speed", f"{CONFIGS}/deltas_synthetic.py", "none", "--beside", beside]
    size = "test_dataloader.dataset.size=(64,96)"
    study_deltas([*arguments, "--out", str(tmp_path), "--cfg-options", size])
    said = capsys.readouterr().out
    assert (
        "| deltas_synthetic |" in said
        and "| sweep |" in said
        and "3 views of 96x64" in said
    )
    rows = json.loads((tmp_path / "speed.json").read_text())
    assert rows["deltas_synthetic"]["parameters"] == 1_697_813
    assert "depth.full.abs_rel" not in rows["sweep"]


def test_a_contender_needs_name_config_and_checkpoint(tmp_path, capsys):
    arguments = ["speed", f"{CONFIGS}/deltas_synthetic.py", "none", "--out", "x"]
    with pytest.raises(SystemExit):
        study_deltas([*arguments, "--beside", "sweep=c.py"])
    assert "NAME=CONFIG:CHECKPOINT, got 'sweep=c.py'" in capsys.readouterr().err
