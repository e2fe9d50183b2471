"""Points of real and rendered frames find their pixels again, augmented or not."""

import numpy as np
import pytest
import torch

from tests.geometry.sampling import project_and_sample
from tests.shared import need
from tools.create_data import main
from vantage3d.esam.datasets import (
    ElasticTransfrom,
    GlobalRotScaleTrans,
    LoadAnnotations3D_,
    LoadClipFeature,
    LoadPointsFromFile_,
    Pack3DDetInputs_,
    RandomFlip3D,
    ScanNet200SegDataset_,
)
from vantage3d.esam.frame_camera import camera_points, frame_camera
from vantage3d.geometry import (
    FeatureGrid,
    grid_pixels,
    pixel_grid,
    transform_points,
    unproject,
)
from vantage3d.io.features import FeatureSource, write_features
from vantage3d.io.images import read_depth, read_size
from vantage3d.io.infos import load_info
from vantage3d.synthetic import write_scannet

PREFIX = dict(
    pts="points",
    pts_instance_mask="instance_mask",
    pts_semantic_mask="semantic_mask",
    sp_pts_mask="super_points",
    pixels="pixels",
)
AUGMENT = [
    dict(
        type=RandomFlip3D,
        sync_2d=False,
        flip_ratio_bev_horizontal=0.5,
        flip_ratio_bev_vertical=0.5,
    ),
    dict(
        type=GlobalRotScaleTrans,
        rot_range=[-3.14, 3.14],
        scale_ratio_range=[0.8, 1.2],
        translation_std=[0.1, 0.1, 0.1],
        shift_height=False,
    ),
    dict(type=ElasticTransfrom, gran=[6, 20], mag=[40, 160], voxel_size=0.02, p=1.0),
]
CHANNELS = 2


def create(dataset, root, out):
    folders = ["--root-path", str(root), "--out-dir", str(out)]
    return [dataset, *folders, "--num-points", "2000"]


def write_positions(out, info):
    """Per frame a map whose cells hold the image pixel of their centre."""
    for entry in load_info(out / info)["data_list"]:
        size = read_size(out / entry["img_path"])
        source = FeatureSource("positions", "none", (), size, size, 14, CHANNELS)
        cells = pixel_grid(*source.shape[1:], torch.zeros(1))
        scale = torch.tensor(source.grid.scale)
        feats = ((cells + 0.5) / scale - 0.5).permute(2, 0, 1)
        scene, _, frame = entry["sample_idx"].rpartition("_")
        path = out / "clip_feat" / scene / f"{frame}.safetensors"
        write_features(path, feats, source, entry["sample_idx"])


def convert_with_features(dataset, root, out):
    options = create(dataset, root, out)
    main(options)
    for split in ("train", "val"):
        write_positions(out, f"{dataset}_oneformer3d_infos_{split}.json")
    main([*options, "--pack-clip", "--feature-form", "safetensors"])
    return out, f"{dataset}_oneformer3d_infos_train_clip.json"


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    root = tmp_path_factory.mktemp("projection") / "rooms"
    write_scannet(root, 2, 1, (0, 200), size=(160, 120), seed=5)
    return convert_with_features("scannet200_sv", root, root.parent / "rooms_out")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    source, root = (
        need("data/apc_posed_rgbd_segm"),
        tmp_path_factory.mktemp("projection"),
    )
    raw = root / "shelf"
    main(["apc_shelf", "--root-path", str(source), "--out-dir", str(raw)])
    return convert_with_features("rgbd_folder", raw, root / "shelf_out")


@pytest.fixture(params=["rooms", "shelf"])
def frames(request):
    """A training set of (root, info file) with the given steps behind the loading."""
    root, info = request.getfixturevalue(request.param)

    def build(*steps):
        features = dict(model="positions", channels=CHANNELS, patch=14)
        keys = ["points", "clip_pix", *(["elastic_coords"] if steps else [])]
        pipeline = [
            dict(type=LoadPointsFromFile_),
            dict(type=LoadAnnotations3D_),
            *steps,
            dict(type=LoadClipFeature, source=features, form="safetensors"),
            dict(type=Pack3DDetInputs_, keys=keys),
        ]
        return ScanNet200SegDataset_(
            data_root=str(root), ann_file=info, data_prefix=PREFIX, pipeline=pipeline
        )

    return build


def check(sample):
    """Pixels to 0.01 px, all valid, and features that are those of the pixels."""
    points, meta = sample["inputs"]["points"][:, :3], sample["data_samples"].metainfo
    camera = frame_camera(meta)
    K, xyz = camera.K.float(), camera_points(points, meta)
    image_size, input_size, patch, _ = meta["feat_grid"].values()
    image = FeatureGrid(image_size, input_size, 1)
    pixels, valid = grid_pixels(xyz, K, camera.size, image)
    wanted = torch.as_tensor(meta["pixels"]).float()
    assert valid.float().mean() == 1.0
    assert (pixels - wanted).abs().max() < 0.01
    grid = FeatureGrid(image_size, input_size, patch)
    feats, valid = project_and_sample(
        sample["inputs"]["clip_pix"], xyz, K, camera.size, grid
    )
    assert valid.float().mean() == 1.0
    width, height = grid.size
    limits = torch.tensor([width, height]) * 14 - 7.5
    # Beyond the outer centres, 6.5 px from the border, the last value goes on.
    expected = wanted.clamp(min=torch.tensor(6.5), max=limits)
    torch.testing.assert_close(feats, expected, atol=0.26, rtol=0)  # half precision


def test_single_frames(frames):
    dataset = frames()
    assert len(dataset) >= 4
    for index in range(len(dataset)):
        check(dataset[index])


@pytest.mark.parametrize("seed", range(3))
def test_augmented_frames(frames, seed):
    np.random.seed(seed)
    dataset = frames(*AUGMENT)
    for index in range(len(dataset)):
        sample = dataset[index]
        points = sample["inputs"]["points"][:, :3]
        plain = points / 0.02
        assert (sample["inputs"]["elastic_coords"] - plain).abs().max() > 0.1
        flow = sample["data_samples"].metainfo["transformation_3d_flow"]
        assert flow[-3:] == ["R", "S", "T"]
        check(sample)


def test_depth_agrees_between_real_frames():
    """Points of one frame, projected into the next, land on its surface."""
    # At the median of all pairs, because four of the twenty are beyond 1 cm. What a
    # rigid alignment of the two depth images (point to plane) leaves of their medians:
    #   100 -> 125: 26.1 mm to 5.7, points move 61 mm     the recorded poses are off
    #   900 -> 925: 10.8 mm to 6.9, points move 52 mm     the same
    #   200 -> 225: 13.0 mm to 10.0; 425 -> 450: 14.3 mm to 11.6     only in part
    # Those two look 2.4 and 2.5 m far, where one step of the sensor's depth is 16 to 18
    # mm (z^2 / 351 m at all depths), and scatter by 7 mm within 40 px, others by 4 to
    # 6. That is not all: 225 -> 250 looks as far and has 7.7 mm. What else is left of
    # the two is smooth over the image, up to 20 mm at its edges, and was not explained.
    # It is not the nominal focal length (585 fits best of 525 to 615 px), and not the
    # registration of colour, which nothing here reads. Alignment moves the points of
    # the other sixteen by 2 to 34 mm: from 7.6 mm to 6.0.
    root = need("data/sevenscenes_tsdf")
    numbers = sorted(int(path.name[6:12]) for path in root.glob("*.pose.txt"))
    pairs = [(n, n + 25) for n in numbers if n + 25 in numbers]
    medians = torch.stack([depth_error(root, *pair).median() for pair in pairs])
    assert len(medians) == 20
    assert medians.median() < 0.01
    assert (medians < 0.01).sum() >= 16


def depth_error(root, first, second):
    """(N,) metres between points of a frame and the depth that another has there."""
    K = torch.from_numpy(np.loadtxt(root / "camera-intrinsics.txt"))
    depth, cam2world = {}, {}
    for n in (first, second):
        z = torch.from_numpy(read_depth(root / f"frame-{n:06d}.depth.png")).double()
        depth[n] = z * (z < 60)  # 65535 mm is missing
        cam2world[n] = torch.from_numpy(np.loadtxt(root / f"frame-{n:06d}.pose.txt"))
    world = unproject(depth[first], K, cam2world[first]).reshape(-1, 3)
    world = world[depth[first].flatten() > 0][::5]
    xyz = transform_points(torch.linalg.inv(cam2world[second]), world)
    size = (640, 480)
    grid = FeatureGrid(size, size, 1)  # the depth image as a feature map
    seen, valid = project_and_sample(
        depth[second][None], xyz, K, size, grid, depth[second], depth_tol=0.1
    )
    assert valid.sum() > 20_000
    return (seen[valid, 0] - xyz[valid, 2]).abs()
