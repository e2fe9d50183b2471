"""The check before training, on small flush rooms: what passes and what is found."""

import json
import runpy
import sys

import numpy as np
import pytest
import torch
from torch import nn

from tests import layouts
from tests.emulated_gpu.device import emulated_gpu
from tests.shared import need
from vantage3d.engine import load_config, set_data_root
from vantage3d.esam.fusion_check.check import (
    ColorMatch,
    Injected,
    SampleCheck,
    Trace,
    check_fusion,
    report_text,
    traced,
)
from vantage3d.geometry import project, scale_intrinsics
from vantage3d.synthetic import write_dataset
from vantage3d.synthetic.rooms.filming import color_sensor, sensor_intrinsics
from vantage3d.synthetic.texture_net import (
    CLASSES,
    SmallImageNet,
    save_small_image_net,
    write_small_features,
)

CONFIG = "configs/ESAM_CA/ESAM_sv_synthetic_CA"
POINTS = 1500


def run_tool(monkeypatch, name, *arguments):
    """Exit code of a tool."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    try:
        runpy.run_path(f"tools/{name}.py", run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    return 0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Prepared flush rooms with features of an untrained network."""
    root = tmp_path_factory.mktemp("flush")
    write_dataset("scannet", root, 1, 1, [0, 200], (160, 120), theme="flush")
    torch.manual_seed(0)
    save_small_image_net(root / "net.safetensors", SmallImageNet(CLASSES).eval())
    write_small_features(root, root / "net.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        assert not run_tool(
            patch,
            "create_data",
            *("scannet200_sv", "--root-path", root, "--out-dir", root),
            *("--num-points", POINTS, "--segmenter", "geometry", "--pack-clip"),
            *("--feature-form", "safetensors"),
        )
    return root


def test_real_frames_pass(data, tmp_path, monkeypatch):
    shelf = need("data/apc_posed_rgbd_segm")
    folders = ["--root-path", tmp_path, "--out-dir", tmp_path]
    assert not run_tool(
        monkeypatch, "create_data", "apc_shelf", "--root-path", shelf, *folders[2:]
    )
    assert write_small_features(tmp_path, data / "net.safetensors") == 8
    assert not run_tool(
        monkeypatch,
        *("create_data", "rgbd_sv", *folders, "--num-points", POINTS),
        *("--segmenter", "geometry", "--extra-tag", "scannet200_sv", "--pack-clip"),
        *("--feature-form", "safetensors"),
    )
    check = check_fusion(config(tmp_path, "_dino_bifusion_inject"), 2, None)
    assert check.problems == [] and len(check.samples) == 4
    assert max(sample.pixel_error for sample in check.samples) < 0.01


def config(data, suffix):
    cfg = load_config(f"{CONFIG}{suffix}.py")
    set_data_root(cfg, str(data))
    return cfg


@pytest.mark.parametrize("suffix", ["_dino_bifusion_inject", "_dino_distill"])
def test_sound_data_passes(data, suffix):
    check = check_fusion(config(data, suffix), 2, None)
    assert check.problems == []
    tested = [] if suffix == "_dino_distill" else 2 * ["test"]  # images only teach it
    assert [sample.split for sample in check.samples] == 2 * ["train"] + tested
    for sample in check.samples:
        assert sample.valid == 1 and sample.pixel_error < 0.01
        assert sample.colors.gray < 1 and sample.colors.pixels == 0
        assert 0.3 < sample.depth[0] < sample.depth[1] < sample.depth[2] < 8
        # 20 x 15 cells: the outer halves are 1 - 19 * 14 / 300 of the image
        assert sample.border == pytest.approx(1 - 19 * 14 / 300, abs=0.04)
        counts = [sample.trace.coordinates[stride] for stride in (1, 2, 4, 8, 16)]
        assert counts[0] < POINTS and counts == sorted(counts, reverse=True)
    text = report_text(check)
    assert f"{2 + len(tested)} samples, 0 problems: the fusion works" in text
    if suffix == "_dino_bifusion_inject":
        found = check.samples[-1].trace.injected["backbone.dino_proj_8"]
        assert found == Injected(8, counts[3], (64, 64, 64 + 48), 1.0)
        assert set(check.samples[0].trace.seconds) == {
            *("image_features", "backbone", "fusion", "pool", "decoder")
        }


@pytest.mark.emulated_gpu
def test_it_runs_on_the_gpu_and_tells_its_memory(data, monkeypatch):
    with emulated_gpu():
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 5e9)
        check = check_fusion(config(data, "_dino_bifusion_inject"), 1, None)
        assert check.samples[0].trace.images.cells.is_cuda
        text = report_text(check)
    assert check.problems == []
    assert "5.00 GB so far" in text


def test_clip_has_a_folder_and_info_files_of_its_own(data, monkeypatch):
    """Beside the features that are there: the commands of the config's docstring."""
    folders = ("--root-path", data, "--out-dir", data)
    extract = ("--folder", "clip_feat_rn50", "--form", "safetensors", "--workers", 0)
    assert not run_tool(
        monkeypatch,
        *("extract_clip_rn50_features", *folders, *extract, "--random-weights"),
    )
    assert not run_tool(
        monkeypatch,
        *("create_data", "scannet200_sv", *folders, "--num-points", POINTS),
        *("--segmenter", "geometry", "--pack-clip", "--feature-form", "safetensors"),
        *("--feature-root", data / "clip_feat_rn50", "--clip-suffix", "_clip_rn50"),
    )
    for suffix, channels in (("_clip_rn50_bifusion", 512), ("_dino_bifusion", 64)):
        cfg = config(data, suffix)
        check = check_fusion(cfg, 2, None)
        assert check.problems == [] and len(check.samples) == 4
        assert check.samples[0].trace.images.cells.shape[1] == channels


def test_the_tool_names_the_sample_and_file_of_missing_features(
    data, tmp_path, monkeypatch, capsys
):
    call = [f"{CONFIG}_dino_inject.py", "--data-root", data, "--samples", 2]
    call += ["--out", tmp_path]
    assert run_tool(monkeypatch, "check_fusion", *call) == 0
    assert (tmp_path / "projection.png").read_bytes().startswith(b"\x89PNG")
    path = data / "clip_feat" / "scene0001_00" / "200.safetensors"
    away = path.rename(path.with_suffix(".away"))
    code = run_tool(monkeypatch, "check_fusion", *call)
    away.rename(path)
    assert code == 1
    text = (tmp_path / "report.txt").read_text()
    assert "3 samples, 1 problems" in text
    assert "PROBLEM test sample 1: " in text
    assert "scene0001_00_200" in text and str(path) in text
    code = run_tool(monkeypatch, "check_fusion", f"{CONFIG}.py", "--samples", 2)
    assert code == 2
    assert "there is no fusion to check" in capsys.readouterr().err


def test_a_pose_of_another_frame_is_a_problem(data):
    cfg = config(data, "_dino_inject")
    annotations = data / cfg.test_dataloader.dataset.ann_file
    infos = json.loads(annotations.read_text())
    first, second = infos["data_list"]
    first["pose"], second["pose"] = second["pose"], first["pose"]
    swapped = data / "swapped.json"
    swapped.write_text(json.dumps(infos))
    cfg.test_dataloader.dataset.ann_file = swapped.name
    errors = check_fusion(cfg, 2, None).errors
    assert len(errors) == 2 and "scene0001_00_0" in errors[0]


@pytest.fixture(scope="module")
def two_cameras(tmp_path_factory):
    """Prepared rooms whose colour camera is not the depth camera."""
    root = tmp_path_factory.mktemp("two")
    write_dataset("rgbd_two_cameras", root, 1, 1, [0, 20], (160, 120), theme="flush")
    torch.manual_seed(0)
    save_small_image_net(root / "net.safetensors", SmallImageNet(CLASSES).eval())
    write_small_features(root, root / "net.safetensors")
    layouts.create_data(
        *("rgbd_sv", root, root, "--num-points", POINTS, "--segmenter", "geometry"),
        *("--extra-tag", "scannet200_sv", "--pack-clip"),
        *("--feature-form", "safetensors"),
    )
    return root


@pytest.mark.parametrize("wrong", [None, "focal length", "one camera", "place"])
def test_a_wrong_colour_camera_is_told_by_the_colours(two_cameras, wrong):
    """The pixels that features come from, against the colours of their points."""
    cfg = config(two_cameras, "_dino_bifusion")
    dataset = cfg.test_dataloader.dataset
    infos = json.loads((two_cameras / dataset.ann_file).read_text())
    sensor = color_sensor((160, 120))
    K, between = sensor.K.copy(), sensor.depth2color.copy()
    if wrong == "focal length":
        K[[0, 1], [0, 1]] *= 1.15
    if wrong == "place":
        between[0, 3] += 0.1
    for entry in infos["data_list"]:
        entry["color_cam2img"], entry["depth2color"] = K.tolist(), between.tolist()
        if wrong == "one camera":
            for key in ("color_cam2img", "color_shape", "depth2color"):
                del entry[key]
            K = scale_intrinsics(sensor_intrinsics((160, 120)), 1.25, 1.25)
            between = np.eye(4)
    (two_cameras / f"{wrong}.json").write_text(json.dumps(infos))
    dataset.ann_file = f"{wrong}.json"
    (sample,) = [s for s in check_fusion(cfg, 1, None).samples if s.split == "test"]
    if wrong is None:
        assert sample.problems == [] and sample.colors.pixels == 0
        assert sample.colors.gray < 1 and sample.valid == 1
        return
    points = sample.points_cam.numpy()
    read, _ = project(points, K, between)
    own, _ = project(points, sensor.K, sensor.depth2color)
    inside = ((read > 0) & (read < (199, 149))).all(1)
    off = np.median(np.linalg.norm(read - own, axis=1)[inside])
    # How much an affine map says of turn and baseline together is another question.
    close = {"one camera": 0.6}.get(wrong, 0.15)
    assert sample.colors.pixels == pytest.approx(off, rel=close)
    assert (
        sample.colors.gray > 5 and sample.colors.gray > 1.5 * sample.colors.gray_there
    )
    told = f"features are read {sample.colors.pixels:.1f} px (median) from where"
    assert any(told in text for text in sample.problems)


def test_problems_by_hand():
    trace = Trace(coordinates={1: 9, 2: 5, 4: 2, 8: 1}, not_finite={"pool": 3})
    sample = SampleCheck(
        *("a", "train", 0.5, 3.0, ColorMatch(31.0, 83.0, 1.5), (-1.0, 2.0, 30.0), 0.1),
        trace=trace,
        load_s=0.1,
        points_cam=torch.zeros(1, 3),
        meta={},
    )
    assert [text.removeprefix("train a: ") for text in sample.problems] == [
        "only 0.500 of the points have an image feature, expected at least 0.99",
        "points project 3.00 px (median) from where they were measured, expected at "
        "most 0.5",
        "features are read 83.0 px (median) from where the image has the colours of "
        "their points: grey levels differ by 31.0 in the mean, and by 1.5 there, "
        "expected at most 2. The colour camera of the info file is wrong: another "
        "focal length, principal point or place",
        "depths of -1.00 to 30.00 m, expected more than 0 and at most 20.0",
        "3 values of pool are not finite",
        "no voxels at strides [16]",
    ]
    sample.colors = ColorMatch(40.0, 0.0, 40.0)
    assert "differ by 40.0 in the mean from the image that" in sample.problems[2]
    assert "of another frame, or its colour camera" in sample.problems[2]


def test_not_finite_values_are_counted_by_module():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    nn.init.constant_(model[0].weight[1], float("nan"))
    with traced(model) as trace:
        model(torch.ones(4, 2))
    assert trace.not_finite == {"0": 4, "1": 4, "model": 4}
    with traced(model) as again:
        pass
    model(torch.ones(4, 2))
    assert again.not_finite == {}


def test_errors(data):
    with pytest.raises(ValueError, match="`samples` must be at least 1, got 0"):
        check_fusion(config(data, "_dino_inject"), 0, None)
    message = r"config .*CA.py has no `model.image_features`"
    with pytest.raises(ValueError, match=message):
        check_fusion(config(data, ""), 1, None)
