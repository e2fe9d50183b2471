"""A colour camera beside the depth camera, rendered: everything finds its place."""

import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.layouts import create_data
from tests.rooms import FRAMES, SEED, SIZE, truth
from vantage3d.converters.recordings import RecordingSource
from vantage3d.esam.converters.samples import SampleName, read_frame, superpoint_map
from vantage3d.esam.converters.segmenters import FastSamSegmenter, SamSegmenter
from vantage3d.esam.datasets import (
    LoadAnnotations3D_,
    LoadClipFeature,
    LoadPointsFromFile_,
    Pack3DDetInputs_,
    ScanNet200SegDataset_,
)
from vantage3d.esam.models.fusion.image_sampling import StoredFeatures
from vantage3d.geometry import invert_rigid, pixel_grid, project, unproject_pixels
from vantage3d.io.features import FeatureSource, write_features
from vantage3d.io.infos import load_info
from vantage3d.io.points import read_labels, read_pixels, read_points
from vantage3d.recordings.detection import open_recording
from vantage3d.synthetic.layouts.dataset import SEEDS_PER_DATASET
from vantage3d.synthetic.render.scene import render
from vantage3d.synthetic.rooms.filming import (
    THEMES,
    color_sensor,
    sensor_intrinsics,
)

LAYOUT = "rgbd_two_cameras"
SENSOR = color_sensor(SIZE)
N = 3000
OPTIONS = ("--num-points", N, "--val-scenes", "scene0001_00")
INFO = "rgbd_folder_oneformer3d_infos_{}.json"
PREFIX = dict(
    pts="points",
    pts_instance_mask="instance_mask",
    pts_semantic_mask="semantic_mask",
    sp_pts_mask="super_points",
    pixels="pixels",
)


@pytest.fixture(scope="module")
def out(filmed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return create_data("rgbd_sv", filmed(LAYOUT), folder, *OPTIONS)


@pytest.fixture(scope="module")
def seen():
    """What the colour camera renders of the training room: by number of the frame."""
    room = THEMES["home"](SEED * SEEDS_PER_DATASET)
    frames = {}
    for view in truth(LAYOUT, 0):
        world2color = SENSOR.depth2color @ invert_rigid(view.cam2world)
        frames[view.number] = render(room, SENSOR.K, world2color, SENSOR.size)
    return frames


def samples(out, split="train"):
    """Of each sample view, name, pixels of depth, exact pixels and depth of colour."""
    for view in truth(LAYOUT, 0 if split == "train" else 1):
        scene = "scene0000_00" if split == "train" else "scene0001_00"
        name = f"{scene}_{view.number}"
        pixels = read_pixels(out / "pixels" / f"{name}.bin", N)
        depth = view.frame.depth[pixels[:, 1], pixels[:, 0]].astype(np.float64)
        camera = sensor_intrinsics(SIZE), SENSOR.depth2color
        points = unproject_pixels(pixels.astype(np.float64), depth, *camera)
        yield view, name, pixels, *project(points, SENSOR.K, np.eye(4))


def test_the_info_file_has_both_cameras(out):
    (entry, *_) = load_info(out / INFO.format("val"))["data_list"]
    np.testing.assert_allclose(entry["cam2img"], sensor_intrinsics(SIZE), atol=1e-5)
    assert entry["img_shape"] == [120, 160] and entry["color_shape"] == [150, 200]
    np.testing.assert_allclose(entry["color_cam2img"], SENSOR.K, atol=1e-5)
    np.testing.assert_allclose(entry["depth2color"], SENSOR.depth2color, atol=1e-6)


def test_no_point_is_hidden_from_the_colour_camera(out, seen):
    """Those that are have no colour: they would get that of what stands in front."""
    for view, name, _, pixels, z in samples(out):
        assert ((pixels > -0.5) & (pixels < np.array(SENSOR.size) - 0.5)).all(), name
        # The depth that the colour camera would measure, at the four pixels around.
        column, row = np.floor(pixels).clip(0, np.array(SENSOR.size) - 2).astype(int).T
        rendered = seen[view.number].depth
        around = [rendered[row + y, column + x] for y in (0, 1) for x in (0, 1)]
        hidden = z > 1.1 * np.max(around, axis=0)
        assert not hidden.any(), name
        # and it is no wonder: of all points of the depth camera many are
        everywhere = np.argwhere(view.frame.depth > 0)[:, ::-1]
        depth = view.frame.depth[everywhere[:, 1], everywhere[:, 0]].astype(float)
        camera = sensor_intrinsics(SIZE), SENSOR.depth2color
        points = unproject_pixels(everywhere.astype(float), depth, *camera)
        where, z = project(points, SENSOR.K, np.eye(4))
        inside = ((where > 0) & (where < np.array(SENSOR.size) - 1)).all(1)
        column, row = np.floor(where[inside]).astype(int).T
        around = [rendered[row + y, column + x] for y in (0, 1) for x in (0, 1)]
        assert (z[inside] > 1.1 * np.max(around, axis=0)).mean() > 0.005


def test_points_have_the_colours_that_the_depth_camera_would_see(out):
    for view, name, pixels, _, _ in samples(out):
        rgb = read_points(out / "points" / f"{name}.bin", rows=N)[:, 3:]
        own = view.frame.color[pixels[:, 1], pixels[:, 0]].astype(float)
        error = np.abs(rgb - own)
        assert np.median(error) < 4 and error.mean() < 7  # noise of both images
        shifted = view.frame.color[pixels[:, 1], (pixels[:, 0] + 8) % 160]
        assert np.abs(rgb - shifted).mean() > 2 * error.mean()


def test_features_are_read_where_the_colour_camera_sees_the_points(
    filmed, out, tmp_path
):
    """Cells that hold the pixel of their centre say where a point reads its feature."""
    source = FeatureSource("toy", "none", (), SENSOR.size, SENSOR.size, 10, 2)
    cells = pixel_grid(*source.shape[1:], torch.zeros(1))
    feats = ((cells + 0.5) / torch.tensor(source.grid.scale) - 0.5).permute(2, 0, 1)
    for scene in ("scene0000_00", "scene0001_00"):
        for number in FRAMES[LAYOUT]:
            write_features(tmp_path / scene / f"{number}.pt", feats, source)
    made_by = dict(model="toy", weights="none", layers=[], patch=10, channels=2)
    text = json.dumps({**made_by, "input_size": None})
    (tmp_path / "extraction.json").write_text(text)
    pack = ("--pack-clip", "--feature-root", tmp_path)
    create_data("rgbd_sv", filmed(LAYOUT), out, *OPTIONS, *pack)
    config = dict(model="toy", channels=2, patch=10)
    steps = [
        dict(type=LoadPointsFromFile_),
        dict(type=LoadAnnotations3D_),
        dict(type=LoadClipFeature, source=config),
        dict(type=Pack3DDetInputs_, keys=["points", "clip_pix"]),
    ]
    info = INFO.format("train_clip")
    dataset = ScanNet200SegDataset_(
        data_root=str(out), ann_file=info, data_prefix=PREFIX, pipeline=steps
    )
    for item, (_, name, _, pixels, _) in zip(dataset, samples(out), strict=True):
        sample = item["data_samples"]
        assert sample.metainfo["sample_idx"] == name
        inputs = {key: [value] for key, value in item["inputs"].items()}
        images = StoredFeatures("toy", 2)(inputs, [sample])
        assert images.valid.all()
        # Beyond the outer centres the last value goes on.
        expected = pixels.clip(4.5, np.array(SENSOR.size) - 5.5)
        error = np.abs(images.sample().numpy() - expected).max()
        assert error < 0.15  # half precision, and a matrix of six decimals


def test_masks_of_the_colour_images_become_superpoints(filmed, seen, tmp_path):
    """Computed on them at any size, they are looked up through the colour camera."""
    masks = tmp_path / "masks"
    masks.mkdir()
    for number, frame in seen.items():
        stored = Image.fromarray(frame.instance.astype(np.uint16))
        if number == 40:
            stored = stored.resize((100, 75), Image.Resampling.NEAREST)
        for scene in ("scene0000_00", "scene0001_00"):  # the second's are not looked at
            stored.save(masks / f"{scene}_{number}.png")
    options = ("--segmenter", "masks", "--mask-dir", masks)
    out = create_data("rgbd_sv", filmed(LAYOUT), tmp_path / "out", *OPTIONS, *options)
    for view, name, pixels, _, _ in samples(out):
        found = read_labels(out / "super_points" / f"{name}.bin", N)
        own = view.frame.instance[pixels[:, 1], pixels[:, 0]]
        pairs, sizes = np.unique(np.stack([found, own]), axis=1, return_counts=True)
        largest = [sizes[pairs[0] == one].max() for one in np.unique(found)]
        assert sum(largest) / N > (0.95 if view.number == 40 else 0.97), name


def sam(weights, found, monkeypatch):
    """The SAM segmenter over a stand-in for its package that finds those masks."""
    package = ModuleType("segment_anything")
    package.sam_model_registry = {"vit_b": lambda checkpoint: torch.nn.Identity()}
    masks = SimpleNamespace(
        generate=lambda image: [{"segmentation": one} for one in found(image)]
    )
    package.SamAutomaticMaskGenerator = lambda network: masks
    monkeypatch.setitem(sys.modules, "segment_anything", package)
    return SamSegmenter(weights / "sam_vit_b.pth")


def fastsam(weights, found, monkeypatch):
    package = ModuleType("ultralytics")

    def network(image, **options):
        data = torch.from_numpy(np.stack(found(image)))
        return [SimpleNamespace(masks=SimpleNamespace(data=data))]

    package.FastSAM = lambda weights: network
    monkeypatch.setitem(sys.modules, "ultralytics", package)
    return FastSamSegmenter(weights / "FastSAM-s.pt")


@pytest.mark.parametrize("network", [sam, fastsam])
def test_masks_of_networks_are_looked_up_through_the_colour_camera(
    network, filmed, seen, tmp_path, monkeypatch
):
    """A network that sees every object: its map in pixels of depth is depth's own."""
    source = RecordingSource(open_recording(filmed(LAYOUT)))
    for view in truth(LAYOUT, 0):
        instance = seen[view.number].instance

        def found(image, instance=instance):
            assert image.shape == (150, 200, 3)  # as the colour camera took it
            return [instance == one for one in np.unique(instance)]

        name = SampleName("scene0000_00", str(view.number))
        segmenter = network(tmp_path, found, monkeypatch)
        made = superpoint_map(
            segmenter, source.root, *read_frame(source, name), name.idx
        )
        covered = (made >= 0) & (view.frame.depth > 0)
        assert covered.mean() > 0.5
        pairs = np.stack([made[covered], view.frame.instance[covered]])
        (found_ids, _), sizes = np.unique(pairs, axis=1, return_counts=True)
        largest = [sizes[found_ids == one].max() for one in np.unique(found_ids)]
        assert sum(largest) / covered.sum() > 0.95, name


def test_label_images_may_be_of_the_colour_images(copied_film, seen, tmp_path):
    root = copied_film(LAYOUT)
    for number, frame in seen.items():
        path = root / "scene0000_00" / "instance" / f"{number}.png"
        Image.fromarray(frame.instance.astype(np.uint16)).save(path)
    out = create_data("rgbd_sv", root, tmp_path / "out", *OPTIONS)
    for view, name, pixels, _, _ in samples(out):
        found = read_labels(out / "instance_mask" / f"{name}.bin", N)
        own = view.frame.instance[pixels[:, 1], pixels[:, 0]]
        assert (found == own).mean() > 0.97, name
