"""A room whose true instances are known, and predictions that say them."""

import numpy as np
import pytest

from vantage3d.esam.evaluation.labelled import label_files, true_instances
from vantage3d.inference import open_footage
from vantage3d.results.prediction import FramePrediction, Instances

NAME = "scene0000_00"


@pytest.fixture(scope="module")
def room(filmed):
    return filmed("rgbd_folder") / NAME


@pytest.fixture(scope="module")
def truth(room):
    """Predictions that say the true instances by other ids."""
    frames = []
    for frame in open_footage(room):
        ids = true_instances(room / "instance" / f"{frame.name}.png")
        known = np.unique(ids[ids >= 0])
        found = Instances(
            ids == known[:, None, None],
            np.ones(len(known), np.float32),
            np.zeros(len(known), np.int64),
            ("object",),
            tracks=known + 100,
        )
        frames.append(
            FramePrediction(
                frame.name,
                frame.color,
                frame.K,
                frame.depth,
                cam2world=frame.cam2world,
                instances=found,
            )
        )
    return frames


@pytest.fixture(scope="module")
def labels(room, truth):
    return label_files(room, {NAME: [frame.name for frame in truth]})
