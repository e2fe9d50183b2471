"""Test windows with exact depth, and what is known without looking at the image."""

import numpy as np
import pytest
import torch

from tests.drives import VIEW
from vantage3d.registry import DATASETS
from vantage3d.views.exact_views import ExactViews, median_map


def config(cache, **options):
    size = dict(image_size=VIEW[1], aspect=VIEW[0] / VIEW[1], frames=2)
    path = dict(type="KITTI360Dataset", data_root=str(cache), split="val")
    return {**path, **size, "test_mode": True, **options}


def test_both_depths_are_of_the_same_window(cache):
    views = ExactViews(config(cache))
    plain = DATASETS.build(config(cache))
    assert len(views) == len(plain) == 3
    sample = views[1]
    assert torch.equal(sample["images"], plain[1]["images"])
    assert torch.equal(sample["depth"], plain[1]["depth"])
    both = sample["valid"] & (sample["exact_depths"] > 0)
    error = (sample["exact_depths"] - sample["depth"])[both] / sample["depth"][both]
    assert error.abs().median() < 0.02  # a pixel's nearest point and its centre
    assert (sample["exact_depths"] > 0).sum() > 1.2 * sample["valid"].sum()


def test_the_guess_knows_the_training_drives_only(cache):
    views = ExactViews(config(cache))
    train = DATASETS.build(
        config(cache, split="train", depth="exact", frames=1, test_mode=False)
    )
    assert not set(train.sequences) & set(views.dataset.sequences)
    depths = np.stack([train[i]["depth"][0].numpy() for i in range(len(train))])
    row, column = VIEW[0] - 5, VIEW[1] // 2  # road in every frame
    guess = views[0]["typical_depths"]
    assert guess.shape == views[0]["exact_depths"].shape
    assert guess[0, row, column] == np.median(depths[:, row, column])
    assert torch.equal(guess[0], guess[1])


def test_median_of_what_is_known():
    depths = np.array([[[2.0, 0, 0]], [[4, 7, 0]], [[9, 0, 0]]], np.float32)
    assert median_map(depths).tolist() == [[4, 7, 7]]
    with pytest.raises(ValueError, match="no known pixel in 3 maps"):
        median_map(0 * depths)


def test_random_samples_have_no_fixed_windows(cache):
    with pytest.raises(ValueError, match=r"got test_mode=False: set test_mode=True"):
        ExactViews(config(cache, test_mode=False))
