"""A frame with its feature file, and everything that can be wrong about the two."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.structures.points import DepthPoints
from PIL import Image

from vantage3d.esam.datasets import LoadClipFeature, Pack3DDetInputs_
from vantage3d.geometry import invert_rigid, look_at, unproject
from vantage3d.io.features import FeatureSource, write_features
from vantage3d.registry import TRANSFORMS

NAME, SIZE = "scene0000_00_20", (64, 48)
K = np.array([[60.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]])
SOURCE = FeatureSource("clip_rn50", "random-seed-0", (2,), SIZE, SIZE, 8, channels=4)
CONFIG = dict(
    model="clip_rn50", channels=4, input_size=SIZE, patch=8, weights="random-seed-0"
)
MADE_BY = dict(  # as JSON has it
    model="clip_rn50", weights="random-seed-0", layers=[2], patch=8, channels=4,
    input_size=None,
)  # fmt: skip


def feature_map(channels: int = 4) -> torch.Tensor:
    return torch.arange(channels * 48.0).reshape(channels, 6, 8)


@pytest.fixture(params=["pt", "safetensors"])
def form(request):
    return request.param


@pytest.fixture
def frame(tmp_path, form):
    """What the dataset and the loaders give to the transform; files lie behind it."""
    pose = look_at(np.array([1.0, 2, 3]), np.zeros(3), np.array([0.0, 0, 1]))
    xyz = unproject(np.full((48, 64), 2.0), K, pose).reshape(-1, 3)
    pixels = np.stack(np.meshgrid(np.arange(64), np.arange(48)), -1).reshape(-1, 2)
    image = tmp_path / "2D" / "scene0000_00" / "color" / "20.png"
    image.parent.mkdir(parents=True)
    Image.new("RGB", SIZE).save(image)
    path = tmp_path / "clip_feat" / "scene0000_00" / f"20.{form}"
    write_features(path, feature_map(), SOURCE, NAME)
    return {
        "sample_idx": NAME,
        "points": DepthPoints(torch.from_numpy(xyz).float(), points_dim=3),
        "pixels": pixels.astype(np.int32),
        "pose": pose.tolist(),
        "cam2img": K.tolist(),
        "img_shape": [48, 64],
        "img_path": str(image),
        "clip_feat_path": str(path),
        "features": MADE_BY,
    }


def load(frame, form, **change):
    return LoadClipFeature({**CONFIG, **change}, form).transform(dict(frame))


def test_loaded_and_packed(frame, form):
    step = TRANSFORMS.build(dict(type="LoadClipFeature", source=CONFIG, form=form))
    results = step.transform(frame)
    assert torch.equal(results["clip_pix"], feature_map().half())
    grid = dict(image_size=SIZE, input_size=SIZE, patch=8, model="clip_rn50")
    assert results["feat_grid"] == grid
    packed = Pack3DDetInputs_(["points", "clip_pix"]).transform(results)
    assert torch.equal(packed["inputs"]["clip_pix"], feature_map().half())
    assert packed["data_samples"].metainfo["feat_grid"] == grid


def test_input_of_the_size_of_the_image_is_the_default(frame, form):
    config = {key: CONFIG[key] for key in ("model", "channels", "patch", "weights")}
    results = LoadClipFeature(config, form).transform(frame)
    assert results["feat_grid"]["input_size"] == SIZE


def test_image_size_of_the_config_needs_no_image(frame, form):
    frame["img_path"] = frame["img_path"].replace("2D", "gone")
    load(frame, form, image_size=SIZE)
    message = rf"sample {NAME}: colour image .*gone.*20\.png is missing"
    with pytest.raises(FileNotFoundError, match=message):
        load(frame, form)


def test_before_the_points_are_loaded(frame, form):
    del frame["points"]
    assert load(frame, form)["clip_pix"].shape == (4, 6, 8)


def test_missing_file(frame, form, tmp_path):
    (tmp_path / "clip_feat" / "scene0000_00" / f"20.{form}").unlink()
    message = rf"sample {NAME}: feature file .*20\.{form} is missing\. Extract"
    with pytest.raises(FileNotFoundError, match=message):
        load(frame, form)


@pytest.mark.parametrize("path", [None, ""])
def test_info_file_without_features(frame, form, path):
    frame["clip_feat_path"] = path
    with pytest.raises(ValueError, match=rf"{NAME}: its entry .* no `clip_feat_path`"):
        load(frame, form)


def test_truncated_file(frame, form):
    with open(frame["clip_feat_path"], "r+b") as file:
        file.truncate(100)
    message = rf"{NAME}: .*20\.{form} \(100 bytes\) is truncated or damaged"
    with pytest.raises(ValueError, match=message):
        load(frame, form)


def test_other_channel_count(frame, form):
    write_features(
        frame["clip_feat_path"], feature_map(5), replace(SOURCE, channels=5), NAME
    )
    message = rf"{NAME}: .*20\.{form} has (shape \(5, 6, 8\)|channels 5), expected"
    with pytest.raises(ValueError, match=message):
        load(frame, form)


def test_other_grid(frame, form):
    message = (
        rf"{NAME}: .*20\.{form} has (shape \(4, 6, 8\), expected \(4, 3, 4\)|"
        r"input_size \(64, 48\), expected \(32, 24\))"
    )
    with pytest.raises(ValueError, match=message):
        load(frame, form, input_size=(32, 24))


def test_stretched_input(frame, form):
    message = rf"{NAME}: .* has input_size \(64, 48\), expected \(48, 48\)"
    with pytest.raises(ValueError, match=message):
        load(frame, form, input_size=(48, 48))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "dinov2_vits14"}, "model 'clip_rn50', expected 'dinov2_vits14'"),
        ({"weights": "0f"}, "weights 'random-seed-0', expected '0f'"),
        ({"layers": [3]}, r"layers \(2,\), expected \(3,\)"),
    ],
)
def test_other_model(frame, form, change, message):
    with pytest.raises(ValueError, match=rf"{NAME}: .*20\.{form} has {message}"):
        load(frame, form, **change)


def test_random_weights_need_a_permission(frame, form):
    """Named in the config; neither absent nor any weights allow them."""
    message = r"has random weights \('random-seed-0'\): its values mean nothing"
    for config in (CONFIG | {"weights": "*"}, CONFIG.copy()):
        if config["weights"] != "*":
            del config["weights"]
        with pytest.raises(ValueError, match=rf"{NAME}: .*20\.{form} {message}"):
            LoadClipFeature(config, form).transform(dict(frame))


@pytest.mark.parametrize("form", ["pt"], indirect=True)
def test_bare_tensors_without_identity(frame, form):
    del frame["features"]
    message = rf"{NAME}: its info file does not say which network made .*20\.pt\. Pack"
    with pytest.raises(ValueError, match=message):
        load(frame, form)


@pytest.mark.parametrize("form", ["safetensors"], indirect=True)
def test_feature_of_another_frame_under_the_name_of_this(frame, form):
    write_features(frame["clip_feat_path"], feature_map(), SOURCE, "scene0000_00_40")
    message = rf"{NAME}: .*has frame 'scene0000_00_40', expected '{NAME}'"
    with pytest.raises(ValueError, match=message):
        load(frame, form)


@pytest.mark.parametrize("other", ["scene0000_00/40", "scene0001_00/20"])
def test_feature_path_of_another_frame(frame, form, other):
    frame["clip_feat_path"] = frame["clip_feat_path"].replace("scene0000_00/20", other)
    message = rf"{NAME}: feature file .*{other}\.{form} is of another frame"
    with pytest.raises(ValueError, match=message):
        load(frame, form)


def test_image_of_another_frame(frame, form):
    frame["img_path"] = frame["img_path"].replace("20.png", "40.png")
    message = rf"{NAME}: .* is of another frame; expected {NAME} with the .*40\.png"
    with pytest.raises(ValueError, match=message):
        load(frame, form)


def test_form_of_the_config(frame, form):
    other = {"pt": "safetensors", "safetensors": "pt"}[form]
    with pytest.raises(ValueError, match=rf"{NAME}: .*the config says form '{other}'"):
        load(frame, other)


@pytest.mark.parametrize("key", ["pose", "cam2img", "img_shape"])
@pytest.mark.parametrize("how", ["absent", "none"])
def test_missing_camera(frame, form, key, how):
    frame[key] = None
    if how == "absent":
        del frame[key]
    with pytest.raises(ValueError, match=rf"sample {NAME} has no \['{key}'\]"):
        load(frame, form)


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        (np.zeros((4, 4)), "is not rigid: det R = 0,"),
        (np.diag([1.0, 1, -1, 1]), "is not rigid: det R = -1,"),
        (np.diag([2.0, 2, 2, 1]), "off the identity by 3,"),
        (np.eye(4)[[3, 0, 1, 2]], "is not rigid"),
        (np.full((4, 4), np.nan), "` must be finite, got nan"),
        (np.eye(3), r"` must have shape \(4, 4\), got \(3, 3\)"),
    ],
)
def test_bad_pose(frame, form, pose, message):
    frame["pose"] = pose.tolist()
    with pytest.raises(ValueError, match=rf"pose of sample {NAME}.*{message}"):
        load(frame, form)


def test_transposed_pose(frame, form):
    frame["pose"] = np.array(frame["pose"]).T.tolist()
    with pytest.raises(ValueError, match=rf"{NAME} is not rigid: .*last row \[1\.0"):
        load(frame, form)


@pytest.mark.parametrize("factor", [0.4, 2.0])
def test_intrinsics_of_another_image_size(frame, form, factor):
    frame["cam2img"] = (np.diag([factor, factor, 1]) @ K).tolist()
    message = rf"cam2img of sample {NAME} does not belong .* an image of 64x48"
    with pytest.raises(ValueError, match=message):
        load(frame, form)


def test_negative_focal_length(frame, form):
    frame["cam2img"] = (K * [[1, 1, 1], [1, -1, 1], [1, 1, 1]]).tolist()
    with pytest.raises(ValueError, match=r"fx=60 fy=-60 cx=31\.5"):
        load(frame, form)


def test_depth_image_of_another_view_than_the_colour(frame, form):
    frame |= {"img_shape": [64, 64]}
    frame["cam2img"] = [[60.0, 0, 31.5], [0, 60.0, 31.5], [0, 0, 1]]
    message = rf"{NAME}: `img_shape` 64x64 does not show the same view .* 64x48"
    with pytest.raises(ValueError, match=message):
        load(frame, form)


def test_pose_of_another_frame(frame, form):
    """A rigid one, but the points do not hit their pixels any more."""
    pose = np.array(frame["pose"])
    pose[:3, 3] += [0.05, 0, 0]
    frame["pose"] = pose.tolist()
    message = rf"{NAME}: points project up to [\d.]+ px beside the pixels .*20\.{form}"
    with pytest.raises(ValueError, match=message):
        load(frame, form)
    frame["pose"] = invert_rigid(np.array(frame["pose"])).tolist()
    with pytest.raises(ValueError, match="beside the pixels they were made from"):
        load(frame, form)


def test_a_control_takes_the_features_of_another_frame(frame, tmp_path, form):
    names = [*range(20, 28)]
    for number in names:
        path = tmp_path / "clip_feat" / "scene0000_00" / f"{number}.{form}"
        write_features(path, feature_map() + number, SOURCE, f"scene0000_00_{number}")

    def shuffled(seed: int) -> list[float]:
        step = LoadClipFeature(CONFIG, form, shuffled=seed)
        image = Path(frame["img_path"])
        found = []
        for number in names:
            own = {
                "sample_idx": f"scene0000_00_{number}",
                "img_path": str(image.with_name(f"{number}.png")),
                "clip_feat_path": frame["clip_feat_path"].replace("20.", f"{number}."),
            }
            (image.parent / f"{number}.png").write_bytes(image.read_bytes())
            loaded = step.transform(frame | own)["clip_pix"]
            found.append(float(loaded.flatten()[0]))
        return found

    first = shuffled(0)
    assert sorted(first) == names  # a permutation
    assert all(one != number for one, number in zip(first, names))
    assert shuffled(0) == first and shuffled(1) != first


def test_a_control_needs_another_frame(frame, form):
    step = LoadClipFeature(CONFIG, form, shuffled=0)
    with pytest.raises(ValueError, match=rf"{NAME}: .*20\.{form} is the only feature"):
        step.transform(frame)


@pytest.mark.parametrize(
    "source", [{"model": "x", "channels": 4}, {**CONFIG, "input": (1, 1)}]
)
def test_source_is_checked_at_construction(source):
    with pytest.raises(ValueError, match=r"`source` lacks \[.*unknown keys \["):
        LoadClipFeature(source)


def test_unknown_form():
    with pytest.raises(ValueError, match="`form` must be one of 'pt', 'safetensors'"):
        LoadClipFeature(CONFIG, "npz")
