"""Real photographs: KITTI-360 frames with their sweeps, scikit-image's stereo pair."""

import numpy as np
import pytest

from tests.shared import need
from tests.vggt_lora.evaluation.runs.adapter_runs import evaluate
from tests.vggt_lora.evaluation.runs.test_eth3d_lengths import ROOMS
from tools import create_data, evaluate_depth
from vantage3d.converters import stereo_pair
from vantage3d.converters.kitti360.single_frames import link_frames
from vantage3d.converters.stereo_pair import packaged, stereo_views
from vantage3d.evaluation.results.folder import ResultFolder
from vantage3d.io.images import read_depth
from vantage3d.views.dataset import PosedViews
from vantage3d.views.kitti360 import KITTI360Dataset

VIEW = ["--view", "56", "168"]


def test_single_frames_with_their_own_sweep(tmp_path):
    sample = need("data/kitti360_sample")
    arguments = ["--root-path", str(sample), "--out-dir", str(tmp_path), *VIEW]
    create_data.main(["kitti360_single", *arguments])
    lengths = "--seq-len", "1", "--seq-stride", "1"
    options = "--split", "test", *lengths, "--no-buildings"
    packed = "--cfg-options", "test_dataloader.dataset.packed=False"
    evaluate(tmp_path, tmp_path / "out", *options, *packed)
    found = ResultFolder(tmp_path / "out").metrics("baseline")
    assert found["depth.full.abs_rel"]["count"] == 2
    assert found["pose.ate_trans"]["count"] == 0  # nobody knows where they were
    assert not any("building" in name for name in found)
    data = KITTI360Dataset(str(tmp_path), split="test", frames=1, test_mode=True)
    for path in (tmp_path / "depth").rglob("*.png"):
        depth = read_depth(path, 256)
        # The sample's own README counts 27 000 points in the image.
        assert 15_000 < (depth > 0).sum() < 27_000
        height, off = road(depth, data.index.K[0])
        assert height == pytest.approx(1.55, abs=0.05)  # as KITTI-360 is built
        assert off < 0.02


def road(depth, K):
    """Metres from the camera to the plane ahead of the car; median distance to it."""
    rows, columns = np.nonzero(depth)
    ahead = (rows > 310) & (columns > 550) & (columns < 850)
    rows, columns = rows[ahead], columns[ahead]
    z = depth[rows, columns]
    x, y = (columns - K[0, 2]) / K[0, 0] * z, (rows - K[1, 2]) / K[1, 1] * z
    terms = np.stack([x, z, np.ones_like(z)], axis=1)
    plane = np.linalg.lstsq(terms, y, rcond=None)[0]
    height = plane[2] / np.linalg.norm([plane[0], 1, plane[1]])
    return height, np.median(np.abs(terms @ plane - y))


def test_an_image_without_its_sweep_is_refused(tmp_path):
    (tmp_path / "image_00").mkdir()
    with pytest.raises(FileNotFoundError, match=r"image_00 holds no \.png"):
        link_frames(tmp_path, tmp_path / "raw")
    (tmp_path / "image_00/0000000007.png").touch()
    with pytest.raises(FileNotFoundError, match=r"sweep .*0000000007\.bin is missing"):
        link_frames(tmp_path, tmp_path / "raw")
    (tmp_path / "image_00/7.png").touch()
    with pytest.raises(ValueError, match=r"has 0*7\.png and 0*7\.png: one frame, two"):
        link_frames(tmp_path, tmp_path / "raw")
    for path in (tmp_path / "image_00").iterdir():
        path.rename(tmp_path / "image_00/front.png")
    with pytest.raises(ValueError, match=r"front\.png is called by no number"):
        link_frames(tmp_path, tmp_path / "raw")


def test_the_pair_agrees_with_its_depth_and_cameras():
    """Grey of the left image at the right one's points; a pixel off is worse."""
    left, right = stereo_views(packaged())
    rows, columns = np.nonzero(left.depth)
    rays = np.stack([columns, rows, np.ones_like(rows)])
    points = np.linalg.inv(left.K) @ rays * left.depth[rows, columns]
    moved = (right.world2cam @ np.linalg.inv(left.world2cam))[:3]
    seen = right.K @ (moved[:, :3] @ points + moved[:, 3:])
    x, y = seen[:2] / seen[2]
    np.testing.assert_allclose(y, rows, atol=1e-6)  # rectified

    def disagreement(shift):
        at = np.round(x + shift).astype(int)
        inside = (at >= 0) & (at < left.depth.shape[1])
        pair = (
            left.image[rows[inside], columns[inside]],
            right.image[rows[inside], at[inside]],
        )
        return np.median(np.abs(pair[0].astype(float) - pair[1]))

    off = [disagreement(shift) for shift in (-4, -2, 0, 2, 4)]
    assert np.argmin(off) == 2 and off[2] < 0.75 * min(off[1], off[3])
    # What both see has one depth: a point of the left one is that of the right one.
    at = np.round(x).astype(int)
    inside = (at >= 0) & (at < left.depth.shape[1])
    other = right.depth[rows[inside], at[inside]]
    same = np.abs(other - left.depth[rows[inside], columns[inside]]) < 0.02
    assert same[other > 0].mean() > 0.9
    assert 1.5 < np.median(left.depth[left.depth > 0]) < 5  # a room, in metres


def test_the_pair_is_evaluated_as_two_photographs(tmp_path):
    create_data.main(["stereo_motorcycle", "--out-dir", str(tmp_path)])
    data = PosedViews(
        str(tmp_path),
        split="test",
        preset="eth3d",
        frames=2,
        image_size=84,
        test_mode=True,
    )
    sample = data[0]
    centers = sample["cam2world"][:, :3, 3]
    baseline = float((centers[1] - centers[0]).norm())
    assert baseline == pytest.approx(stereo_pair.BASELINE, rel=1e-5)
    evaluate_depth.main(
        [
            str(ROOMS),
            *("--out-dir", str(tmp_path / "out"), "--data-root", str(tmp_path)),
            *("--split", "test", "--seq-len", "2", "--no-buildings", "--repeats", "0"),
            *("--device", "cpu", "--num-workers", "0", "--groups", "depth", "pose"),
        ]
    )
    found = ResultFolder(tmp_path / "out").metrics("baseline")
    assert found["depth.full.rmse"]["count"] == 2
    assert found["pose.rra_15"]["count"] == 1


def test_a_folder_without_the_pair_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lacks motorcycle_left\.png, motorcy"):
        stereo_views(tmp_path)
    for name in stereo_pair.FILES:
        (tmp_path / name).write_bytes((packaged() / name).read_bytes())
    np.savez(tmp_path / "motorcycle_disp.npz", np.ones((5, 7)))
    with pytest.raises(ValueError, match=r"expected one size, .*\(5, 7\)"):
        stereo_views(tmp_path)
