"""Superpoints: closed forms for the graph, stand-ins for networks, oracle quality."""

import sys
import types
from itertools import chain

import numpy as np
import pytest
from PIL import Image

from vantage3d.esam.converters.depth_segmenters import (
    GraphSegmenter,
    fill_depth,
    merge_regions,
    surface_normals,
)
from vantage3d.esam.converters.samples import (
    read_frame,
    segmentation_quality,
    superpoint_ids,
)
from vantage3d.esam.converters.scannet import ScanNetLabeller
from vantage3d.esam.converters.segmenters import (
    SegmenterOptions,
    build_segmenter,
    paint_masks,
)

H, W = 48, 64


@pytest.fixture
def scene():
    """Grey image, flat depth: nothing to see."""
    return np.full((H, W, 3), 128, np.uint8), np.full((H, W), 2.0, np.float32)


def test_nothing_to_see_is_one_superpoint(scene):
    assert len(np.unique(GraphSegmenter()(*scene))) == 1


def test_colour_alone_makes_a_border(scene):
    image, depth = scene
    image[:, W // 2 :] = (200, 60, 60)
    labels = GraphSegmenter()(image, depth)
    left, right = labels[:, : W // 2 - 2], labels[:, W // 2 + 2 :]
    assert len(np.unique(left)) == len(np.unique(right)) == 1
    assert left[0, 0] != right[0, 0]


def test_a_jump_of_depth_alone_makes_a_border(scene):
    image, depth = scene
    depth[:, W // 2 :] = 2.5
    labels = GraphSegmenter()(image, depth)
    assert labels[0, 5] != labels[0, -5]


def test_a_fold_without_jump_or_colour_makes_a_border(scene):
    """Two planes that meet at a right angle."""
    image, depth = scene
    x = (np.arange(W) - (W - 1) / 2) / (0.9 * W)
    depth[:] = np.where(x < 0, 2 / (1 - x), 2 / (1 + x))
    labels = GraphSegmenter()(image, depth)
    assert labels[0, 5] != labels[0, -5]


def test_a_slanted_plane_is_one_superpoint():
    """Depth goes from 1.4 to 3.6 m across the image and no pixel is a border."""
    image = np.full((240, 320, 3), 128, np.uint8)
    x = (np.arange(320) - 159.5) / (0.9 * 320)
    depth = np.tile((2 / (1 + 0.8 * x)).astype(np.float32), (240, 1))
    assert len(np.unique(GraphSegmenter()(image, depth))) == 1


def test_normals_of_a_plane():
    x = (np.arange(W) - (W - 1) / 2) / (0.9 * W)
    y = (np.arange(H) - (H - 1) / 2)[:, None] / (0.9 * W)
    n = np.array([0.3, -0.2, 0.9])
    n /= np.linalg.norm(n)
    depth = (2 / (n[0] * x + n[1] * y + n[2])).astype(np.float32)
    found = surface_normals(depth)[5:-5, 5:-5]
    np.testing.assert_allclose(found, np.broadcast_to(n, found.shape), atol=1e-3)


def test_holes_are_filled_and_stay_uncovered(scene):
    image, depth = scene
    depth[10:20, 10:20] = 0
    assert (fill_depth(depth) == 2).all()
    labels = GraphSegmenter()(image, depth)
    np.testing.assert_array_equal(labels < 0, depth == 0)
    assert (GraphSegmenter()(image, depth * 0) == -1).all()


def test_any_size_of_image(scene):
    for height, width in ((481, 643), (120, 1000), (7, 9)):
        image = np.zeros((height, width, 3), np.uint8)
        depth = np.ones((height, width), np.float32)
        assert GraphSegmenter()(image, depth).shape == (height, width)


def test_merging_weighs_difference_by_size():
    """Ward: three stripes of 0.25, 0.25 and 0.5 of the image, values 0, 1, 3."""
    labels = np.repeat([0, 1, 2, 2], 10)[None].repeat(8, 0)
    values = np.array([0.0, 1.0, 3.0])[labels][..., None]
    flat = np.zeros(labels.shape)
    first = 1 * 0.25 * 0.25 / 0.5
    second = 2.5**2 * 0.5 * 0.5 / 1
    for scale, regions in ((first * 0.99, 3), (first, 2), (second, 1)):
        merged = merge_regions(labels, values, flat, scale, 0)
        assert len(np.unique(merged)) == regions
    jump = np.array([0.0, 1.0, 1.0])[labels]
    assert len(np.unique(merge_regions(labels, values, jump, first, 0))) == 3
    assert len(np.unique(merge_regions(labels, values, jump, first, 0.3))) == 2


def test_superpoints_respect_the_objects_of_synthetic_rooms(pristine_scannet):
    """What an ideal classifier of superpoints could reach on rendered rooms."""
    labeller = ScanNetLabeller(pristine_scannet, "x", "id")
    qualities = []
    for name in chain.from_iterable(labeller.samples().values()):
        frame = read_frame(labeller.source, name)[1]
        cam2world = labeller.source.cam2world(*name)
        y, x = np.nonzero(frame.depth)
        pixels = np.stack([x, y], 1)
        rays = (
            np.concatenate([pixels, np.ones((len(x), 1))], 1) @ np.linalg.inv(frame.K).T
        )
        cam = rays * frame.depth[y, x][:, None]
        world = cam @ cam2world[:3, :3].T + cam2world[:3, 3]
        instances = labeller.labels(name, frame.depth.shape, pixels, world)[1]
        labels = GraphSegmenter()(frame.image, frame.depth)
        ids = np.unique(labels[y, x], return_inverse=True)[1]
        qualities.append(segmentation_quality(ids, instances))
    hits, total = (
        sum(q[key] for q in qualities) for key in ("oracle_hits", "instances")
    )
    assert np.mean([q["purity"] for q in qualities]) > 0.95
    assert hits / total > 0.9
    assert 10 < np.mean([q["superpoints"] for q in qualities]) < 120


def test_quality_by_hand():
    superpoints = np.array([0, 0, 0, 1, 1, 2, 2])
    instances = np.array([5, 5, 0, 0, 0, 9, 5])
    # 0 -> 5 (2 of 3), 1 -> background, 2 -> tie of 5 and 9, to the first: 5.
    assert segmentation_quality(superpoints, instances) == {
        "superpoints": 3,
        "purity": 5 / 7,
        "instances": 2,
        "oracle_hits": 1,  # 5 has IoU 3 / 5, 9 has none
    }


def test_bad_graph_options():
    with pytest.raises(ValueError, match=r"between 0 and 1, got 5 and 0\.1"):
        GraphSegmenter(5, 0.1)


def test_uncovered_points_are_grouped_by_position_not_colour():
    rng = np.random.default_rng(0)
    centers = np.arange(10)[:, None] * np.array([[1.0, 0, 0]])
    xyz = (centers[:, None] + rng.normal(0, 0.01, (10, 20, 3))).reshape(-1, 3)
    ids = superpoint_ids(
        np.full((1, 1), -1), np.zeros((200, 2), int), xyz, np.random.default_rng(1)
    )
    assert set(ids) <= set(range(10))
    assert len(np.unique(ids)) >= 7
    again = superpoint_ids(
        np.full((1, 1), -1), np.zeros((200, 2), int), xyz, np.random.default_rng(1)
    )
    np.testing.assert_array_equal(ids, again)


def test_few_uncovered_points_are_one_group_and_ids_have_no_gaps():
    label_map = np.array([[7, -1, 3]])
    pixels = np.array([[0, 0], [1, 0], [2, 0], [1, 0]])
    ids = superpoint_ids(label_map, pixels, np.zeros((4, 3)), np.random.default_rng(0))
    np.testing.assert_array_equal(ids, [1, 2, 0, 2])


def test_mask_images(tmp_path, scene):
    stored = np.zeros((H, W), np.uint16)
    stored[:5] = 40000
    Image.fromarray(stored).save(tmp_path / "a_0.png")
    segmenter = build_segmenter(SegmenterOptions("masks", mask_dir=tmp_path))
    labels = segmenter(*scene, "a_0")
    assert (labels[:5] == 39999).all()
    assert (labels[5:] == -1).all()
    with pytest.raises(FileNotFoundError, match=r"mask image .*b_0\.png is missing"):
        segmenter(*scene, "b_0")


def test_mask_images_through_the_tool(scannet, create_data, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for split in ("train", "val"):
        listed = (scannet / "meta_data" / f"scannetv2_sv_{split}.txt").read_text()
        for idx in listed.split():
            stored = np.zeros((120, 160), np.uint16)
            stored[:, :80], stored[:, 80:] = 1, 2
            Image.fromarray(stored).save(masks / f"{idx}.png")
    options = ("--num-points", 500, "--segmenter", "masks", "--mask-dir", masks)
    create_data("scannet200_sv", scannet, tmp_path / "out", *options)
    pixels = np.fromfile(tmp_path / "out/pixels/scene0000_00_0.bin", "<i4")
    found = np.fromfile(tmp_path / "out/super_points/scene0000_00_0.bin", "<i8")
    np.testing.assert_array_equal(found, pixels.reshape(-1, 2)[:, 0] >= 80)
    stored = np.zeros((80, 80), np.uint16)
    Image.fromarray(stored).save(masks / "scene0000_00_0.png")
    (masks / "scene0000_00_20.png").unlink()
    again = (*options, "--overwrite", "--max-skipped", 0.5)
    create_data("scannet200_sv", scannet, tmp_path / "out", *again)
    report = (tmp_path / "out" / "report_train.json").read_text()
    assert "superpoint map of scene0000_00_0 is 80x80 and the image 160x120" in report
    assert "scene0000_00_20.png is missing" in report


def test_small_masks_are_painted_over_large_ones():
    small, large = np.zeros((2, H, W), bool)
    large[:20] = True
    small[5:10] = True
    painted = paint_masks([small, large], (H, W))
    assert (painted[5:10] == 1).all()
    assert (painted[:5] == 0).all()
    assert (painted[20:] == -1).all()


class FakeGenerator:
    def __init__(self, network):
        self.network = network

    def generate(self, image):
        mask = np.zeros(image.shape[:2], bool)
        mask[:7] = True
        return [{"segmentation": mask}]


class FakeNetwork:
    def __init__(self, checkpoint):
        self.checkpoint = checkpoint

    def to(self, device):
        self.device = device
        return self


def test_sam_through_its_package(monkeypatch, tmp_path, scene):
    package = types.ModuleType("segment_anything")
    package.SamAutomaticMaskGenerator = FakeGenerator
    package.sam_model_registry = {"vit_b": FakeNetwork}
    monkeypatch.setitem(sys.modules, "segment_anything", package)
    weights = tmp_path / "sam_vit_b_01ec64.pth"
    weights.touch()
    segmenter = build_segmenter(SegmenterOptions("sam", weights=weights, device="x"))
    labels = segmenter(*scene, "a_0")
    assert (labels[:7] == 0).all()
    assert (labels[7:] == -1).all()
    assert segmenter._generator.network.device == "x"
    (tmp_path / "mine.pth").touch()
    with pytest.raises(ValueError, match=r"weights mine\.pth do not say which SAM"):
        build_segmenter(SegmenterOptions("sam", weights=tmp_path / "mine.pth"))


class FakeFastSam:
    def __init__(self, weights):
        self.weights = weights

    def __call__(self, image, **options):
        import torch

        assert image[0, 0].tolist() == [3, 2, 1]  # BGR
        assert (options["conf"], options["iou"], options["imgsz"]) == (0.1, 0.9, 640)
        masks = torch.zeros(1, H, W)
        masks[0, :9] = 1
        return [types.SimpleNamespace(masks=types.SimpleNamespace(data=masks))]


def test_fastsam_through_its_package(monkeypatch, tmp_path, scene):
    package = types.ModuleType("ultralytics")
    package.FastSAM = FakeFastSam
    monkeypatch.setitem(sys.modules, "ultralytics", package)
    weights = tmp_path / "FastSAM-x.pt"
    weights.touch()
    image, depth = scene
    image[:] = (1, 2, 3)
    segmenter = build_segmenter(SegmenterOptions("fastsam", weights=weights))
    labels = segmenter(image, depth, "a_0")
    assert (labels[:9] == 0).all()
    assert (labels[9:] == -1).all()
    empty = types.SimpleNamespace(masks=None)
    monkeypatch.setattr(segmenter, "_network", lambda image, **options: [empty])
    assert (segmenter(image, depth, "a_0") == -1).all()


@pytest.mark.parametrize(
    ("name", "package", "command"),
    [
        ("sam", "segment_anything", "pip install git\\+https"),
        ("fastsam", "ultralytics", "pip install ultralytics"),
    ],
)
def test_a_missing_package_says_how_to_install(
    monkeypatch, tmp_path, name, package, command
):
    monkeypatch.setitem(sys.modules, package, None)
    weights = tmp_path / "sam_vit_h.pth"
    weights.touch()
    with pytest.raises(ImportError, match=f"needs the package {package}.*{command}"):
        build_segmenter(SegmenterOptions(name, weights=weights))


def test_missing_options(tmp_path):
    with pytest.raises(ValueError, match="unknown segmenter 'magic', expected one of"):
        build_segmenter(SegmenterOptions("magic"))
    with pytest.raises(ValueError, match="needs --mask-dir, got None"):
        build_segmenter(SegmenterOptions("masks"))
    with pytest.raises(FileNotFoundError, match=r"mask folder .*gone is missing"):
        build_segmenter(SegmenterOptions("masks", mask_dir=tmp_path / "gone"))
    with pytest.raises(
        FileNotFoundError,
        match=r"sam needs its weights, got None\. To.*--weights FILE .of predict: "
        r"--segmenter-weights FILE.*weights\.md#sam_vit_h",
    ):
        build_segmenter(SegmenterOptions("sam"))
    with pytest.raises(
        FileNotFoundError, match=r"weights, got .*gone\.pt\. To.*as .*FastSAM-x\.pt"
    ):
        build_segmenter(SegmenterOptions("fastsam", weights=tmp_path / "gone.pt"))
