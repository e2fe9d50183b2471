"""What the pictures claim: matches, colours, painted pixels and captions."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.visualization.frames import room_frame
from vantage3d.visualization import compare, draw_frames, write_picture
from vantage3d.visualization.instance_picture import WARNING, outline, paint, spread
from vantage3d.visualization.instances import distinct_colours


@pytest.fixture(scope="module")
def frame():
    return room_frame(0)


def test_matched_predictions_have_the_colour_of_their_truth(frame):
    got = compare(frame, 0.0, min_region=1)
    assert got.pred_matched.sum() == got.gt_found.sum() == len(got.gt_found) - 1
    for row in np.flatnonzero(got.pred_matched):
        points = got.pred_ids == row
        gt = np.bincount(got.gt_ids[points]).argmax()
        np.testing.assert_array_equal(got.pred_colours[row], got.gt_colours[gt])
    wrong = got.pred_colours[~got.pred_matched]
    assert len(wrong) == 3  # part of the largest, the second one again, the blob
    assert (wrong == wrong[:, :1]).all()
    assert np.flatnonzero(got.pred_ignored).tolist() == [0]  # the blob is the lowest


def test_the_largest_instance_is_missed(frame):
    got = compare(frame, 0.0)
    assert not got.gt_found[np.bincount(got.gt_ids[got.gt_ids >= 0]).argmax()]


def test_threshold_hides_predictions_but_not_from_ap(frame):
    everything, some = compare(frame, 0.0), compare(frame, 0.45)
    assert len(everything.pred_colours) == len(some.pred_colours) + 2
    assert everything.ap50 == some.ap50
    nothing = compare(frame, 2.0)
    assert not nothing.gt_found.any()
    assert (nothing.pred_ids == -1).all()


def test_ap50_of_truth_is_one_and_without_truth_nan(frame):
    ids = np.unique(frame.gt_instances[frame.gt_instances >= 0])
    masks = frame.gt_instances == ids[:, None]
    perfect = replace(frame, pred_masks=masks, pred_scores=np.ones(len(ids)))
    got = compare(perfect, 0.3, min_region=1)
    assert got.ap50 == 1
    assert got.gt_found.all()
    assert got.pred_matched.all()
    void = replace(frame, gt_instances=np.full(len(frame.points), -1))
    assert np.isnan(compare(void, 0.3).ap50)


def test_colours_differ():
    colours = distinct_colours(40).astype(int)
    distances = np.abs(colours[:, None] - colours).sum(2) + 1000 * np.eye(40)
    assert distances.min() > 15


def test_spread_gives_each_pixel_its_nearest_point():
    rng = np.random.default_rng(0)
    pixels = np.unique(rng.integers(0, (20, 15), (60, 2)), axis=0)
    ids = np.arange(len(pixels)) - 1
    dense = spread((15, 20), pixels, ids)
    reach = 2.5 * np.sqrt(15 * 20 / len(pixels))
    for y in range(15):
        for x in range(20):
            distances = np.linalg.norm(pixels - (x, y), axis=1)
            nearest = ids[np.isclose(distances, distances.min())]
            assert dense[y, x] in (nearest if distances.min() <= reach else [-1])


def test_far_from_any_point_nothing_is_painted():
    corner = np.stack(np.meshgrid(np.arange(10), np.arange(10)), 2).reshape(-1, 2)
    dense = spread((100, 100), corner, np.zeros(100, int))
    assert (dense[:10, :10] == 0).all()
    assert (dense[50:] == -1).all()
    assert (spread((4, 5), np.zeros((0, 2), int), np.zeros(0, int)) == -1).all()


def test_painted_colours():
    image = np.full((20, 30, 3), 100, np.uint8)
    y, x = np.mgrid[:20, :30]
    pixels = np.stack([x.ravel(), y.ravel()], 1)
    ids = np.where(pixels[:, 0] < 10, 0, np.where(pixels[:, 0] < 20, 1, -1))
    colours = np.array([[200, 0, 0], [0, 0, 200]], np.uint8)
    panel = paint(image, pixels, ids, colours, np.array([False, True]))
    np.testing.assert_array_equal(panel[10, 5], [175, 25, 25])
    np.testing.assert_array_equal(panel[10, 15], [25, 25, 175])
    np.testing.assert_array_equal(panel[10, 25], [190, 190, 190])
    np.testing.assert_array_equal(panel[10, 19], WARNING)
    assert outline(ids.reshape(20, 30)).sum() == 4 * 20


def test_picture_has_a_row_per_frame_and_captions(frame, tmp_path):
    void = replace(frame, name="empty", gt_instances=np.full(len(frame.points), -1))
    figure = draw_frames([frame, void], 0.3)
    assert len(figure.axes) == 6
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == ["image", "ground truth", "prediction, score ≥ 0.3"]
    got = compare(frame, 0.3)
    caption = figure.axes[2].get_xlabel()
    assert caption.startswith(
        f"class-agnostic AP50 {got.ap50:.2f}: {got.gt_found.sum()} of "
    )
    assert "2 wrong or double, 1 not counted" in caption
    # predictions below 100 points are not even compared
    large = len(got.pred_ignored)
    assert large == (frame.pred_masks.sum(axis=1) >= 100).sum() < len(frame.pred_masks)
    counts = f"0 of 0 found,\n0 wrong or double, {large} not counted"
    assert figure.axes[5].get_xlabel().startswith(f"no AP50: {counts}")
    sizes = np.bincount(frame.gt_instances[frame.gt_instances >= 0])
    text = f"{(sizes >= 100).sum()} instances, {(sizes < 100).sum()} too small to count"
    assert figure.axes[1].get_xlabel() == text
    np.testing.assert_array_equal(
        figure.axes[0].get_images()[0].get_array(), frame.image
    )

    write_picture(tmp_path / "new" / "instances.png", [frame, void], 0.3)
    with Image.open(tmp_path / "new" / "instances.png") as image:
        image.load()
        assert image.width == 1920
        assert image.height > image.width / 2


def test_no_frames():
    with pytest.raises(ValueError, match="at least one frame, got 0"):
        draw_frames([], 0.3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((3, 3))}, r"`pixels` must have shape \(3, 2\), got"),
        ({"K": np.eye(4)}, r"`K` must have shape \(3, 3\), got \(4, 4\)"),
        ({"pred_scores": np.ones(2)}, r"`pred_masks` must have shape \(2, 8000\)"),
        (
            {"image": np.zeros((100, 100, 3), np.uint8)},
            r"room0_0: pixel \(\d+, \d+\) lies outside the image of 100x100",
        ),
    ],
)
def test_frame_errors(frame, change, message):
    with pytest.raises(ValueError, match=message):
        replace(frame, **change)
