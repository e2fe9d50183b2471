"""What the picture of depth claims: colours in one scale, grey, figures, a bar."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from vantage3d.registry import HOOKS
from vantage3d.visualization import DepthView, draw_depth
from vantage3d.visualization.depth_picture import Keypoints


def view(factor=1.0, name="a"):
    """A plane that recedes upwards under a sky."""
    truth = np.repeat(np.geomspace(60, 3, 20)[:, None], 48, axis=1)
    truth[:4] = 0
    image = np.full((20, 48, 3), 0.5)
    answers = {"before": np.full_like(truth, 10.0), "after": factor * truth + 1e-3}
    return DepthView(name, image, truth, answers)


def panels(figure):
    """Title of the column to the drawn image, of the first row."""
    return {a.get_title(): a for a in figure.axes if a.get_title()}


def test_columns_share_one_scale_and_sky_is_grey():
    figure = draw_depth([view(), view(1.2, "b")], "aligned somehow")
    axes = panels(figure)
    assert list(axes) == ["image", "ground truth", "before", "after"]
    truth, after = (axes[name].images[0] for name in ("ground truth", "after"))
    assert truth.norm is after.norm
    low, high = truth.get_clim()
    assert 3 <= low < 4 and 30 < high < 32  # the sky has no depth
    assert after.get_array().mask[:4].all() and not after.get_array().mask[4:].any()
    np.testing.assert_allclose(truth.to_rgba(truth.get_array())[0, 0, :3], 0.72)
    # 2 rows of 4 panels and the bar, whose ticks are metres within the scale
    assert len(figure.axes) == 9
    ticks = [text.get_text() for text in figure.axes[-1].get_yticklabels()]
    assert ticks[0] == "3 m" and ticks[-1] == "30 m"
    assert "aligned somehow" in [text.get_text() for text in figure.texts]


def test_captions_are_the_errors_of_the_shown_frame():
    axes = panels(draw_depth([view(1.25)]))
    assert axes["after"].get_xlabel().startswith("AbsRel 0.250, RMSE ")
    assert axes["image"].get_xlabel() == "a"


def test_keypoints_have_the_colours_of_their_depth_and_lost_ones_are_crosses():
    pixels = np.array([[3.0, 5], [9, 12], [20, 7]])
    points = Keypoints(pixels, np.array([4.0, 9, 20]), np.array([True, False, True]))
    axes = panels(draw_depth([replace(view(), keypoints=points)]))
    lost, found = axes["image"].collections
    assert lost.get_offsets().tolist() == [[9, 12]]
    assert found.get_offsets().tolist() == [[3, 5], [20, 7]]
    assert found.get_array().tolist() == [4, 20]
    assert found.norm is axes["ground truth"].images[0].norm
    assert not axes["after"].collections


def test_views_are_checked():
    good = view()
    with pytest.raises(ValueError, match="at least one view, got 0"):
        draw_depth([])
    with pytest.raises(ValueError, match=r"a: 'x' must have .* \(20, 48\), got \(3,\)"):
        DepthView("a", good.image, good.truth, {"x": np.ones(3)})
    with pytest.raises(ValueError, match=r"a: `image` must .* got \(2, 48, 3\)"):
        DepthView("a", good.image[:2], good.truth, {})
    with pytest.raises(ValueError, match="a: `truth` has no pixel with a surface"):
        DepthView("a", good.image, 0 * good.truth, {})


def batch(number):
    """A window of two frames in another unit, the second one off by itself."""
    truth = torch.from_numpy(view().truth).float().expand(1, 2, 20, 48)
    inputs = {"images": torch.rand(1, 2, 3, 20, 48), "exact_depths": truth}
    names = [{"sequence": f"drive{number}", "ids": torch.tensor([number, 9])}]
    prediction = {"pred_depth": 0.1 * truth[0], "base_depth": torch.ones(2, 20, 48)}
    return {"inputs": inputs, "data_samples": names}, [prediction]


def test_the_hook_draws_aligned_windows_from_start_to_end(tmp_path):
    answers = dict(before="base_depth", after="pred_depth")
    hook = HOOKS.build(
        dict(
            type="DepthPictureHook",
            answers=answers,
            truth="exact_depths",
            num_frames=3,
        )
    )
    batches = [batch(number) for number in range(5)]
    runner = SimpleNamespace(test_dataloader=batches, work_dir=str(tmp_path))
    hook.before_test(runner)
    for number, (data, outputs) in enumerate(batches):
        hook.after_test_iter(runner, number, data, outputs)
    hook.after_test(runner)
    assert [v.name for v in hook.kept] == [f"drive{n}, frame {n}" for n in (0, 2, 4)]
    for drawn in hook.kept:
        known = drawn.truth > 0
        np.testing.assert_allclose(
            drawn.answers["after"][known], drawn.truth[known], rtol=1e-5
        )
        assert np.median(drawn.answers["before"][known]) == pytest.approx(
            np.median(drawn.truth[known]), rel=1e-6
        )
    picture = np.asarray(Image.open(tmp_path / "pictures/depth.png"))
    assert picture.shape[1] > 1500


def test_the_hook_checks_its_arguments():
    for options, message in (
        (dict(num_frames=0), "`num_frames` must be positive, got 0"),
        (dict(alignment="best"), "got 'best'"),
    ):
        with pytest.raises(ValueError, match=message):
            HOOKS.build(dict(type="DepthPictureHook", answers={}, **options))
