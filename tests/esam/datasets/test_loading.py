import numpy as np
import pytest
import torch
from PIL import Image

from vantage3d.esam.datasets import (
    LoadAnnotations3D_,
    LoadFrameImage,
    LoadPointsFromFile_,
    Pack3DDetInputs_,
)
from vantage3d.io.points import write_rows

NUMBER = 12


@pytest.fixture
def frame(tmp_path):
    """Files of a valid frame, and the dict that the dataset gives to the pipeline."""
    rng = np.random.default_rng(0)
    files = {
        "lidar_path": (rng.normal(size=(NUMBER, 6)), "<f4"),
        "pts_instance_mask_path": (rng.integers(0, 3, NUMBER), "<i8"),
        "pts_semantic_mask_path": (rng.integers(0, 5, NUMBER), "<i8"),
        "super_pts_path": (np.arange(NUMBER) % 4, "<i8"),
        "pixels_path": (rng.integers(0, 99, (NUMBER, 2)), "<i4"),
    }
    results = {"sample_idx": "s", "seg_label_mapping": np.arange(5)}
    for key, (array, dtype) in files.items():
        results[key] = str(tmp_path / f"{key}.bin")
        write_rows(results[key], array, dtype)
    return results


def load(results):
    return LoadAnnotations3D_().transform(LoadPointsFromFile_().transform(results))


def test_values_on_disk_are_the_values_loaded(frame):
    written = np.fromfile(frame["lidar_path"], np.float32).reshape(-1, 6)
    out = load(frame)
    np.testing.assert_array_equal(out["points"].tensor.numpy(), written)
    np.testing.assert_array_equal(out["sp_pts_mask"], np.arange(NUMBER) % 4)
    np.testing.assert_array_equal(
        out["pixels"].ravel(), np.fromfile(frame["pixels_path"], np.int32)
    )


def test_nan_points_name_file_and_count(frame):
    points = np.zeros((NUMBER, 6))
    points[3, 1] = np.nan
    write_rows(frame["lidar_path"], points, "<f4")
    with pytest.raises(ValueError, match=rf"lidar_path.bin: 1 of {NUMBER} points"):
        load(frame)


def test_empty_point_file(frame):
    open(frame["lidar_path"], "wb").close()
    with pytest.raises(ValueError, match=r"lidar_path.bin has 0 bytes"):
        load(frame)


def test_truncated_point_file(frame):
    with open(frame["lidar_path"], "r+b") as file:
        file.truncate(50)
    with pytest.raises(ValueError, match="50 bytes, expected a multiple of 24"):
        load(frame)


def test_labels_of_another_length(frame):
    write_rows(frame["pts_instance_mask_path"], np.zeros(NUMBER - 1), "<i8")
    with pytest.raises(ValueError, match=rf"{NUMBER - 1} rows, expected {NUMBER}"):
        load(frame)


def test_missing_label_file(frame):
    frame["pts_semantic_mask_path"] += ".gone"
    with pytest.raises(FileNotFoundError, match=r"mask_path.bin.gone is missing"):
        load(frame)


def test_superpoint_ids_with_a_gap(frame):
    ids = np.arange(NUMBER) % 4
    ids[ids == 2] = 5
    write_rows(frame["super_pts_path"], ids, "<i8")
    with pytest.raises(ValueError, match=r"first missing id is 2 of 0\.\.5"):
        load(frame)


def test_negative_superpoint(frame):
    write_rows(frame["super_pts_path"], np.arange(NUMBER) - 1, "<i8")
    with pytest.raises(ValueError, match="superpoint id -1 is negative"):
        load(frame)


def test_semantic_id_of_another_dataset(frame):
    write_rows(frame["pts_semantic_mask_path"], np.full(NUMBER, 1191), "<i8")
    with pytest.raises(ValueError, match=r"semantic ids span 1191\.\.1191, expected"):
        load(frame)


def test_packing_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match=r"`keys` \['imgs'\] are unknown"):
        Pack3DDetInputs_(["points", "imgs"])


def test_packing_names_what_the_pipeline_did_not_make(frame):
    with pytest.raises(KeyError, match=r"elastic_coords.*sample s"):
        Pack3DDetInputs_(["points", "elastic_coords"]).transform(load(frame))


def test_packing_keeps_pixels_with_the_sample(frame):
    results = load(frame)
    packed = Pack3DDetInputs_(["points", "sp_pts_mask"]).transform(results)
    sample = packed["data_samples"]
    assert packed["inputs"]["points"].shape == (NUMBER, 6)
    np.testing.assert_array_equal(sample.gt_pts_seg.sp_pts_mask, results["sp_pts_mask"])
    np.testing.assert_array_equal(sample.pixels, results["pixels"])


def test_huge_superpoint_id_is_refused_before_memory_is_taken(frame):
    ids = np.arange(NUMBER) % 4
    ids[5] = 10**12
    write_rows(frame["super_pts_path"], ids, "<i8")
    message = rf"super_pts_path.bin: superpoint id {10**12} .* {NUMBER} points"
    with pytest.raises(ValueError, match=message):
        load(frame)


def test_colours_between_zero_and_one(frame):
    points = np.random.default_rng(0).random((NUMBER, 6))
    write_rows(frame["lidar_path"], points, "<f4")
    with pytest.raises(ValueError, match=r"colours span 0\.\d+\.\.0\.9\d*, expected"):
        load(frame)
    points[:, 3:] = points[:, 3:].round()  # a dark frame
    write_rows(frame["lidar_path"], points, "<f4")
    load(frame)


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
