"""The image of a frame as the frozen networks take it."""

import numpy as np
import pytest
import torch
from PIL import Image

from vantage3d.esam.datasets import LoadFrameImage, Pack3DDetInputs_


def test_channels_come_first_and_pixels_are_the_files(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "0.png")
    results = {"sample_idx": "a", "img_path": str(tmp_path / "0.png")}
    results = LoadFrameImage()(results)
    assert results["img"].dtype == torch.uint8
    assert torch.equal(results["img"], torch.from_numpy(pixels).permute(2, 0, 1))
    packed = Pack3DDetInputs_(keys=["img"])(results)
    assert packed["inputs"]["img"] is results["img"]


def test_a_frame_without_image():
    with pytest.raises(ValueError, match=r"sample a: .* no `img_path`. Write"):
        LoadFrameImage()({"sample_idx": "a"})


def test_a_missing_file(tmp_path):
    path = str(tmp_path / "no.jpg")
    with pytest.raises(FileNotFoundError, match=r"no\.jpg"):
        LoadFrameImage()({"sample_idx": "a", "img_path": path})
