"""Every malformed frame is stopped with a message that names it."""

import pytest
import torch

from tests.esam.models.scenes import batch, frame
from vantage3d.esam.models import Det3DDataPreprocessor_

CHECK = Det3DDataPreprocessor_()


def broken(change):
    """A good and a bad frame; the bad one is called bad.bin."""
    points, sample = frame(1, 60)
    sample.set_metainfo({"lidar_path": "bad.bin"})
    data = batch(frame(0, 80), (points, sample))
    data["inputs"]["elastic_coords"] = [
        p[:, :3].double() for p in data["inputs"]["points"]
    ]
    change(data["inputs"], sample)
    return data


def test_good_frames_pass_and_keep_their_values():
    data = broken(lambda inputs, sample: None)
    out = CHECK(data)
    for got, given in zip(out["inputs"]["points"], data["inputs"]["points"]):
        assert torch.equal(got, given)
    masks = [s.gt_instances_3d.sp_masks for s in out["data_samples"]]
    assert torch.equal(masks[1], data["data_samples"][1].gt_instances_3d.sp_masks)


def test_elastic_coordinates_may_be_arrays():
    data = broken(lambda inputs, sample: None)
    arrays = [coords.numpy() for coords in data["inputs"]["elastic_coords"]]
    data["inputs"]["elastic_coords"] = arrays
    assert CHECK(data)["inputs"]["elastic_coords"][0].dtype == torch.float64
    assert data["inputs"]["elastic_coords"] is arrays


def no_points(inputs, sample):
    inputs["points"][1] = inputs["points"][1][:0]


def no_colour(inputs, sample):
    inputs["points"][1] = inputs["points"][1][:, :3]


def nan_points(inputs, sample):
    inputs["points"][1][3:5, 1] = torch.nan


def infinite_coords(inputs, sample):
    inputs["elastic_coords"][1][7] = torch.inf


def few_coords(inputs, sample):
    inputs["elastic_coords"][1] = inputs["elastic_coords"][1][:50]


def long_labels(inputs, sample):
    inputs["points"][1] = inputs["points"][1][:59]
    inputs["elastic_coords"][1] = inputs["elastic_coords"][1][:59]


def gap(inputs, sample):
    ids = sample.gt_pts_seg.sp_pts_mask
    sample.gt_pts_seg.sp_pts_mask = torch.where(ids == 2, 3, ids)


def negative(inputs, sample):
    sample.gt_pts_seg.sp_pts_mask = sample.gt_pts_seg.sp_pts_mask - 1


def merged(inputs, sample):
    ids = sample.gt_pts_seg.sp_pts_mask
    sample.gt_pts_seg.sp_pts_mask = ids.clamp(max=6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_points, "has 0 points"),
        (no_colour, r"shape \(N, 6\).* got \(60, 3\)"),
        (nan_points, "2 of 60 rows of `points` are not finite"),
        (infinite_coords, "1 of 60 rows of `elastic_coords` are not finite"),
        (few_coords, "`elastic_coords` has 50 rows for 60 points"),
        (long_labels, "`pts_instance_mask` has 60 rows for 59 points"),
        (gap, "superpoint id 2 has no point, but ids go up to 7"),
        (negative, "superpoint id -1 is negative"),
        (merged, r"`sp_masks` has shape \(8, 8\), expected \(8, 7\)"),
    ],
)
def test_bad_frames(change, message):
    with pytest.raises(
        ValueError, match=f"sample bad.bin: .*{message}.*create_data.py"
    ):
        CHECK(broken(change))


def test_frames_without_a_name_are_called_by_their_place():
    data = batch(frame(0, 80), (torch.zeros(0, 6), frame(0, 80)[1]))
    with pytest.raises(ValueError, match="sample 1 of the batch: has 0 points"):
        CHECK(data)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([torch.ones(2, 3, 4), None], "has no `clip_pix`, others"),
        ([torch.ones(2, 3, 4)], "has no `clip_pix`, others"),
        ([torch.ones(2, 3, 4), torch.ones(3, 4)], r"\(C, H, W\), got \(3, 4\)"),
        (
            [torch.ones(2, 3, 4), torch.full((2, 3, 4), torch.nan)],
            "24 of 24 values of `clip_pix` are not finite",
        ),
    ],
)
def test_every_sample_of_a_batch_needs_its_image(maps, message):
    data = broken(lambda inputs, sample: inputs.update(clip_pix=maps))
    with pytest.raises(ValueError, match=f"sample bad.bin: .*{message}.*again"):
        CHECK(data)
