"""ScanNet to index: exports and recordings, lists, and what is wrong with them."""

import json
import shutil

import cv2
import numpy as np
import pytest

from tests.rooms import DELTAS, relative, truth
from tests.shared import need
from tests.views.agreement import median_offset
from vantage3d.converters import scannet as scannet_export
from vantage3d.deltas.datasets import PublishedScanNetViews
from vantage3d.io.depth_files import rotate_bits
from vantage3d.io.images import read_ids
from vantage3d.io.sens import SensFrame, SensHeader, write_sens
from vantage3d.recordings import recording
from vantage3d.recordings.layouts.scannet import ScanNet
from vantage3d.recordings.layouts.sens import sens_files
from vantage3d.views.dataset import PosedViews
from vantage3d.views.index import FrameIndex

SCENE = "scene0000_00"


def report(out, split="train"):
    return json.loads((out / f"report_{split}.json").read_text())


def test_splits_are_those_of_the_lists(scannet):
    for split, count in (("train", 2), ("val", 1)):
        index = FrameIndex.load(scannet / f"{split}.npz")
        assert len(index.sequences) == count
        assert index.numbers[:6].tolist() == [0, 20, 40, 60, 80, 100]
        assert report(scannet, split)["agreement"]["min"] > 0.7


def test_recordings_become_the_rooms_that_were_rendered(filmed, create_data, tmp_path):
    """.sens to frames; another step makes other frames."""
    root, out = filmed("scannet_sens"), tmp_path / "out"
    create_data("scannet", root, out)
    data = PosedViews(str(out), gap=1, size=(120, 160), **DELTAS)
    assert [data[at]["name"] for at in (0, 4)] == [
        "scene0000_00/0-1-2",
        "scene0001_00/1-0-2",
    ]
    views, sample = truth("scannet_sens", 0), data[0]
    for at, pose in enumerate(relative(views)):
        depth = views[at].frame.depth
        np.testing.assert_allclose(sample["depth"][at], depth, atol=6e-4)
        np.testing.assert_allclose(sample["cam2world"][at], pose, atol=1e-5)
    with pytest.raises(SystemExit, match="--frame-step was None and is now 2"):
        create_data("scannet", root, out, "--frame-step", 2)
    create_data("scannet", root, out, "--frame-step", 2, "--overwrite")
    assert FrameIndex.load(out / "train.npz").numbers.tolist() == [0, 2, 0, 2]


def test_a_killed_export_goes_on(filmed, tmp_path, monkeypatch):
    recordings = sens_files(filmed("scannet_sens"))
    assert list(recordings) == ["scene0000_00", "scene0001_00"]
    real, calls = scannet_export._write_scene, []

    def dying(recording, folder, step):
        calls.append(folder.name)
        real(recording, folder, step)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(scannet_export, "_write_scene", dying)
    arguments = (recordings, tmp_path, 1, 1, 0.0)
    with pytest.raises(KeyboardInterrupt):
        scannet_export.export_recordings(*arguments)
    scannet_export.export_recordings(*arguments)
    scannet_export.export_recordings(*arguments)
    assert calls == ["scene0000_00", "scene0000_00", "scene0001_00"]


@pytest.mark.parametrize(("scale", "expected"), [(5000.0, 8000), (500.0, 0)])
def test_recordings_in_other_units_become_millimetres(tmp_path, scale, expected):
    """8 m of a fifth of a millimetre; 80 m do not fit into the image and are none."""
    depth = np.full((4, 5), 40_000, np.uint16)
    frame = SensFrame(np.eye(4, dtype=np.float32), b"", depth)
    K = np.eye(4, dtype=np.float32)
    header = SensHeader(K, K, (5, 4), (5, 4), scale, 1)
    write_sens(tmp_path / "a.sens", header, [frame])
    (tmp_path / "a.txt").write_text("fx_color = 1170")
    recordings = sens_files(tmp_path)
    scannet_export.export_recordings(recordings, tmp_path / "out", 1, 1, 0.0)
    written = read_ids(tmp_path / "out" / "a" / "depth" / "0.png")
    np.testing.assert_array_equal(written, expected)
    assert (tmp_path / "out" / "a" / "a.txt").read_text() == "fx_color = 1170"


def test_damaged_recordings_are_counted(copied_film, tmp_path):
    root = copied_film("scannet_sens")
    recordings = sens_files(root)
    path = recordings["scene0001_00"]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        ValueError, match=r"1 of 2 recordings \(50.0 %\) are bad.*in frame"
    ):
        scannet_export.export_recordings(recordings, tmp_path / "out", 1, 1, 0.0)
    scannet_export.export_recordings(recordings, tmp_path / "out", 1, 1, 0.5)
    scenes = {path.name for path in (tmp_path / "out").iterdir()}
    assert scenes == {"scene0000_00"}


def test_lists_without_last_newline(filmed, create_data, tmp_path):
    """The last scene keeps its last character; the others are not in the index."""
    (tmp_path / "val.txt").write_text("scene0001_00")
    out = create_data(
        *("scannet", filmed("scannet"), tmp_path / "out"),
        *("--val-list", tmp_path / "val.txt"),
    )
    assert FrameIndex.load(out / "val.npz").sequences == ("scene0001_00",)
    assert not (out / "train.npz").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--train-list", "LIST"), "the train split has 1 scenes of ScanNet's test"),
        (("--train-list", "LIST", "--val-scenes", "a"), "and --train-list exclude"),
        (("--frame-step", 0), "--frame-step must be at least 1, got 0"),
    ],
)
def test_contradictions_are_refused(filmed, create_data, tmp_path, options, message):
    (tmp_path / "list.txt").write_text("scene0707_00")
    options = [tmp_path / "list.txt" if o == "LIST" else o for o in options]
    with pytest.raises(SystemExit, match=message):
        create_data("scannet", filmed("scannet"), tmp_path / "out", *options)


def test_bad_frames_are_skipped_with_reasons(copied_film, create_data, tmp_path):
    """Lost tracking, an image without depth, one identical pose for a whole scene.

    The first frame, which tells the size of all, may be the one without depth.
    """
    root = copied_film("scannet")
    scene = root / "2D" / SCENE
    (scene / "pose" / "100.txt").write_text("-inf " * 16)
    (scene / "depth" / "0.png").unlink()
    still = root / "2D" / "scene0001_00" / "pose"
    for path in still.glob("*.txt"):
        path.write_text((still / "0.txt").read_text())
    out = tmp_path / "out"
    with pytest.raises(SystemExit, match=r"1 of 2 sequences \(50.0 %\) .* sc.*: all 6"):
        create_data("scannet", root, out)
    create_data("scannet", root, out, "--max-skipped", 0.6)
    skipped = report(out)["skipped"]
    assert "contains -inf" in skipped[f"{SCENE}/100"]
    assert "depth has no file for frame '0'" in skipped[f"{SCENE}/0"]
    assert "all 6 poses of scene0001_00 are identical" in skipped["scene0001_00"]
    data = PosedViews(str(out), gap=20, size=(48, 64), **DELTAS)
    names = [data[at]["name"].partition("/")[2] for at in range(len(data))]
    assert names == ["20-40-60", "40-20-60", "60-40-80", "80-40-60"]


def test_rotated_depth_in_an_export_is_named(copied_film, create_data, tmp_path):
    root = copied_film("scannet")
    for path in (root / "2D").glob("*/depth/*.png"):
        depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), rotate_bits(depth))
    message = (
        r"scene0000_00: the bits of the depth images are rotated by three, as SUN3D"
    )
    with pytest.raises(SystemExit, match=message):
        create_data("scannet", root, tmp_path / "out")


def test_intrinsics_beside_the_frames_are_used(copied_film, monkeypatch):
    """As in scannet_frames_25k, whose names have leading zeros; none at all is said."""
    said = []
    monkeypatch.setattr(recording, "print_log", lambda text, **_: said.append(text))
    folder = copied_film("scannet") / "2D" / SCENE
    (folder / "intrinsic" / "intrinsic_depth.txt").unlink()
    (folder / "intrinsic" / "intrinsic_color.txt").unlink(missing_ok=True)
    root = folder.parent.parent
    shutil.rmtree(root / "3D")  # with the text file of the scan, which has some too
    source = scannet_export.ScanNetSource(ScanNet(root))
    assert source.frames(SCENE)[1].K[0, 0] == pytest.approx(577.870605 / 4)
    assert "2D/scene0000_00 has no intrinsic/intrinsic_depth.txt: the no" in said[0]
    K = [[170.0, 0, 80], [0, 171, 60], [0, 0, 1]]
    np.savetxt(folder / "intrinsics_depth.txt", K)
    for path in [*folder.glob("*/20.*")]:
        path.rename(path.with_stem("000020"))
    frames = scannet_export.ScanNetSource(ScanNet(root)).frames(SCENE)
    assert [frame.number for frame in frames] == [0, 20, 40, 60, 80, 100]
    np.testing.assert_array_equal(frames[1].K, K)
    assert frames[1].image.endswith("color/000020.jpg") and len(said) == 1


def test_real_frames_agree(create_data, tmp_path):
    """ScanNet at the resolution of the network: medians of 4.4 and 6.5 mm, measured."""
    root = need("data/deltas_scannet_sample/scannet_sample")
    out = create_data("scannet", root, tmp_path / "out")
    data = PosedViews(str(out), "test", gap=1, size=(240, 320), **DELTAS)
    sample = data[0]
    assert sample["name"] == "scene0707_00/0-1-2"
    assert sample["images"].shape == (3, 3, 240, 320)
    for view in (1, 2):
        assert median_offset(sample, view) < 0.010


def test_legacy_frames_are_prepared_as_published(create_data, tmp_path):
    """Numbers of the scene's text file, 1296 x 968 to 320 x 240; depth mixes holes."""
    root = need("data/deltas_scannet_sample/scannet_sample")
    out = create_data("scannet", root, tmp_path / "out")
    sample = PublishedScanNetViews(str(out), frames=3, gap=1, size=(240, 320))[0]
    fx, cx, cy = 1170.187988 * 320 / 1296, 648.25 * 320 / 1296 - 0.5, 484.25 * 240 / 968
    expected = [[fx, 0, cx], [0, 1170.187988 * 240 / 968, cy - 0.5], [0, 0, 1]]
    np.testing.assert_allclose(sample["K"][0], expected, rtol=1e-6)
    exact = PosedViews(str(out), "test", gap=1, size=(240, 320), **DELTAS)[0]
    assert exact["K"][0, 0, 0] == pytest.approx(575.665710 / 2, rel=1e-6)
    least = float(exact["depth"][exact["depth"] > 0].min())
    assert ((sample["depth"] > 0) & (sample["depth"] < 0.9 * least)).any()
    assert 0.9 < median_offset(sample, 1) / median_offset(exact, 1) < 3
