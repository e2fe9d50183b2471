"""ScanNet frames to samples: geometry and labels against what was rendered."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData

from tools.create_data import main
from vantage3d.esam.converters.samples import SampleName, read_frame
from vantage3d.esam.converters.scannet import (
    ScanNetLabeller,
    axis_alignment,
    load_mesh_labels,
)
from vantage3d.esam.datasets import (
    LoadAnnotations3D_,
    LoadPointsFromFile_,
    ScanNet200SegDataset_,
)
from vantage3d.io.images import read_color, read_depth
from vantage3d.io.infos import load_info
from vantage3d.io.points import read_labels, read_pixels, read_points
from vantage3d.recordings.registration import register_color
from vantage3d.synthetic.render.scene import CATEGORIES

N = 3000


@pytest.fixture(scope="module")
def out(pristine_scannet):
    """Beside the raw data; tests only read it."""
    out = pristine_scannet.parent / "out"
    folders = ["--root-path", str(pristine_scannet), "--out-dir", str(out)]
    main(["scannet200_sv", *folders, "--num-points", str(N)])
    return out


def frame_of(root, scene, frame):
    source = ScanNetLabeller(root, "x", "id").source
    return read_frame(source, SampleName(scene, frame))[1]


def info(out, split, tag="scannet200_sv"):
    return load_info(out / f"{tag}_oneformer3d_infos_{split}.json")


def test_info_file(out):
    train, val = info(out, "train"), info(out, "val")
    assert [len(train["data_list"]), len(val["data_list"])] == [6, 3]
    assert train["metainfo"]["dataset"] == "scannet200_sv"
    assert train["metainfo"]["info_version"] == "1.1"
    assert train["metainfo"]["categories"]["floor"] == 1
    entry = val["data_list"][0]
    assert entry["sample_idx"] == "scene0002_00_0"
    assert entry["img_path"] == "../scannet/2D/scene0002_00/color/0.jpg"
    assert (out / entry["img_path"]).is_file()
    assert entry["lidar_points"] == {
        "num_pts_feats": 6,
        "lidar_path": "scene0002_00_0.bin",
    }
    assert entry["num_points"] == N
    assert entry["img_shape"] == [120, 160]


def test_points_project_to_their_pixels_with_their_depth_and_colour(out, scannet):
    for entry in info(out, "val")["data_list"]:
        idx = entry["sample_idx"]
        points = read_points(out / "points" / f"{idx}.bin")
        pixels = read_pixels(out / "pixels" / f"{idx}.bin", N)
        world2cam = np.linalg.inv(np.array(entry["pose"]))
        cam = points[:, :3] @ world2cam[:3, :3].T + world2cam[:3, 3]
        projected = cam @ np.array(entry["cam2img"]).T
        np.testing.assert_allclose(
            projected[:, :2] / projected[:, 2:], pixels, atol=1e-3
        )
        x, y = pixels.T
        n = idx.rsplit("_", 1)[1]
        folder = scannet / "2D" / "scene0002_00"
        depth = np.asarray(Image.open(folder / "depth" / f"{n}.png"))
        color = np.asarray(Image.open(folder / "color" / f"{n}.jpg"))
        np.testing.assert_allclose(cam[:, 2], depth[y, x] / 1000, atol=1e-5)
        np.testing.assert_array_equal(points[:, 3:], color[y, x])


def test_points_are_centred_on_all_valid_pixels_and_the_offset_is_recoverable(
    out, scannet
):
    entry = info(out, "val")["data_list"][1]
    raw = np.loadtxt(scannet / "2D" / "scene0002_00" / "pose" / "20.txt")
    pose = np.array(entry["pose"])
    np.testing.assert_array_equal(pose[:3, :3], raw[:3, :3])
    frame = frame_of(scannet, "scene0002_00", "20")
    y, x = np.nonzero(frame.depth)
    rays = np.stack([x, y, np.ones(len(x))]) * frame.depth[y, x].astype(np.float64)
    xyz = raw[:3, :3] @ np.linalg.inv(frame.K) @ rays + raw[:3, 3:]
    np.testing.assert_allclose(raw[:3, 3] - pose[:3, 3], xyz.mean(1), atol=1e-9)


def test_no_pixel_is_drawn_twice_while_there_are_enough(out):
    pixels = read_pixels(out / "pixels" / "scene0000_00_0.bin")
    assert len(np.unique(pixels, axis=0)) == N


def test_superpoints_have_no_gaps(out):
    for path in (out / "super_points").iterdir():
        ids = np.unique(read_labels(path, N))
        np.testing.assert_array_equal(ids, np.arange(len(ids)))


def test_labels_are_those_of_the_nearest_vertex(out, scannet):
    """Oracle: brute force over all vertices in the unaligned frame."""
    entry = info(out, "val")["data_list"][0]
    idx = entry["sample_idx"]
    raw = np.loadtxt(scannet / "2D" / "scene0002_00" / "pose" / "0.txt")
    offset = raw[:3, 3] - np.array(entry["pose"])[:3, 3]
    world = read_points(out / "points" / f"{idx}.bin")[:30, :3] + offset
    table = scannet / "meta_data" / "scannetv2-labels.combined.tsv"
    mesh = load_mesh_labels(scannet / "3D" / "scene0002_00", table, "id")
    gap = np.linalg.norm(world[:, None] - mesh.tree.data[None], axis=2)
    best, near = gap.argmin(1), gap.min(1) < 0.05
    for folder, labels in (
        ("instance_mask", mesh.instance),
        ("semantic_mask", mesh.semantic),
    ):
        found = read_labels(out / folder / f"{idx}.bin")[:30]
        np.testing.assert_array_equal(found, np.where(near, labels[best], 0))
    assert near.mean() > 0.9
    assert (read_labels(out / "instance_mask" / f"{idx}.bin") > 0).mean() > 0.9


def test_a_point_beyond_the_limit_has_no_label(scannet):
    table = scannet / "meta_data" / "scannetv2-labels.combined.tsv"
    mesh = load_mesh_labels(scannet / "3D" / "scene0000_00", table, "id")
    vertex = mesh.tree.data[mesh.instance > 0][0]
    for shift, inside in ((0.0, True), (100.0, False)):
        semantic, instance, share = mesh.at(vertex[None] + shift, 0.05)
        assert (semantic[0] > 0, instance[0] > 0, share) == (inside, inside, inside)


def test_nyu40_ids_for_scannet_sv(scannet, out, create_data, tmp_path):
    create_data("scannet_sv", scannet, tmp_path / "out", "--num-points", N)
    rows = (scannet / "meta_data" / "scannetv2-labels.combined.tsv").read_text()
    header, *lines = [line.split("\t") for line in rows.splitlines()]
    raw, nyu = header.index("id"), header.index("nyu40id")
    to_nyu = {int(line[raw]): int(line[nyu] or 0) for line in lines} | {0: 0}
    name = "semantic_mask/scene0000_00_0.bin"
    ids = read_labels(out / name)
    expected = np.vectorize(to_nyu.get)(ids)
    np.testing.assert_array_equal(read_labels(tmp_path / "out" / name), expected)
    assert info(tmp_path / "out", "val", "scannet_sv")["metainfo"]["dataset"] == (
        "scannet_sv"
    )


def test_frame_interval_and_lists(scannet):
    meta = scannet / "meta_data"
    (meta / "scannetv2_sv_train.txt").write_text("scene0001_00_40\nscene0000_00_0\n")

    def names(**options):
        source = ScanNetLabeller(scannet, "x", "id", **options)
        return [name.idx for name in source.samples()["train"]]

    assert names() == ["scene0001_00_40", "scene0000_00_0"]
    every_40 = [f"scene000{s}_00_{n}" for s in (0, 1) for n in (0, 40)]
    assert names(frame_interval=40) == every_40
    (meta / "scannetv2_sv_train.txt").unlink()
    (meta / "scannetv2_train.txt").write_text("scene0001_00\n")
    assert names() == ["scene0001_00_0"]  # every 200 raw frames


def test_depth_intrinsics_are_used_when_the_export_has_them(scannet):
    name = ("scene0000_00", "0")
    folder = scannet / "2D" / "scene0000_00" / "intrinsic"
    K = frame_of(scannet, *name).K
    own = np.array([[150.0, 0, 81], [0, 151, 59], [0, 0, 1]])
    np.savetxt(folder / "intrinsic_depth.txt", own)
    np.testing.assert_array_equal(frame_of(scannet, *name).K, own)
    (folder / "intrinsic_depth.txt").unlink()
    np.savetxt(folder / "intrinsic_color.txt", own)
    np.testing.assert_array_equal(
        frame_of(scannet, *name).K, own
    )  # same size: no scaling
    shutil.rmtree(folder)
    default = frame_of(scannet, *name).K
    np.testing.assert_allclose(default, K, atol=1e-6)
    expected = [577.870605 / 4, 320 / 4 - 0.5, 240 / 4 - 0.5]
    np.testing.assert_allclose(default[[0, 0, 1], [0, 2, 2]], expected)


def test_colour_intrinsics_of_a_larger_image_scale_by_the_half_pixel_rule(scannet):
    folder = scannet / "2D" / "scene0000_00"
    image = Image.open(folder / "color" / "0.jpg").resize((320, 240))
    image.save(folder / "color" / "0.jpg")
    (folder / "intrinsic" / "intrinsic_depth.txt").unlink()
    np.savetxt(
        folder / "intrinsic" / "intrinsic_color.txt",
        [[300.0, 0, 161], [0, 302, 121], [0, 0, 1]],
    )
    frame = frame_of(scannet, "scene0000_00", "0")
    expected = [[150.0, 0, 80.25], [0, 151, 60.25], [0, 0, 1]]
    np.testing.assert_allclose(frame.K, expected)
    assert frame.image.shape == (120, 160, 3)


def test_registration_warps_colour_onto_the_rays_of_depth():
    """A colour image whose value is the ray's slope, seen by two cameras."""
    Kc = np.array([[200.0, 0, 159.5], [0, 200, 119.5], [0, 0, 1]])
    K = np.array([[90.0, 0, 79.5], [0, 110, 59.5], [0, 0, 1]])
    slope = (np.arange(320) - 159.5) / 200
    color = np.repeat(np.round(128 + 100 * slope)[None, :, None], 240, 0)
    color = np.repeat(color, 3, 2).astype(np.uint8)
    depth = np.ones((120, 160), np.float32)
    registered, kept = register_color(color, Kc, depth, K)
    rays = (np.arange(160) - 79.5) / 90
    seen = np.abs(rays) < 0.79
    error = np.abs(registered[60, :, 0] - (128 + 100 * rays))[seen]
    assert error.max() <= 1.5
    assert (kept[60][np.abs(rays) > 0.82] == 0).all()
    assert (kept[60][seen] == 1).all()


def test_axis_alignment(tmp_path):
    path = tmp_path / "scene.txt"
    path.write_text("appVersionId = 1\naxisAlignment = " + "2 " * 16 + "\nx = y\n")
    assert (axis_alignment(path) == 2).all()
    path.write_text("appVersionId = 1\n")
    np.testing.assert_array_equal(axis_alignment(path), np.eye(4))
    path.write_text("axisAlignment = 1 2 3\n")
    with pytest.raises(ValueError, match="axisAlignment has 3 numbers, expected 16"):
        axis_alignment(path)


def test_the_real_scannet_sample_is_read():
    from tests.shared import need

    scans = need("data/deltas_scannet_sample/scannet_sample/scans_test")
    folder = next(iter(scans.iterdir()))
    color = read_color(folder / "color" / "0.jpg")
    depth = read_depth(folder / "depth" / "0.png")
    Kc = np.loadtxt(folder / "intrinsic" / "intrinsic_color.txt")[:3, :3]
    K = np.loadtxt(folder / "intrinsic" / "intrinsic_depth.txt")[:3, :3]
    registered, kept = register_color(color, Kc, depth, K)
    assert color.shape == (968, 1296, 3)
    assert registered.shape == (480, 640, 3)
    assert (kept > 0).mean() > 0.5


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d, s: (d / f"{s}_vh_clean_2.ply").unlink(), "mesh .* is missing"),
        (
            lambda d, s: _cut(d / f"{s}_vh_clean_2.ply"),
            r"mesh .*_vh_clean_2\.ply is truncated or damaged",
        ),
        (
            lambda d, s: _cut(d / f"{s}.aggregation.json"),
            r"aggregation\.json is truncated or has no 'segGroups'",
        ),
        (
            lambda d, s: (d / f"{s}_vh_clean_2.0.010000.segs.json").write_text(
                '{"segIndices": [1, 2]}'
            ),
            r"segs\.json has 2 segment ids, the mesh \d+ vertices",
        ),
        (
            lambda d, s: _relabel(d / f"{s}.aggregation.json"),
            "has the label 'unicorn', which .* does not list",
        ),
        (
            lambda d, s: _without(d / f"{s}.aggregation.json", "objectId"),
            r"aggregation\.json: entry 0 of `segGroups` has no \['objectId'\]",
        ),
    ],
)
def test_damaged_scenes(scannet, damage, message):
    folder = scannet / "3D" / "scene0000_00"
    damage(folder, "scene0000_00")
    table = scannet / "meta_data" / "scannetv2-labels.combined.tsv"
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_mesh_labels(folder, table, "id")


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _relabel(path):
    content = json.loads(path.read_text())
    content["segGroups"][0]["label"] = "unicorn"
    path.write_text(json.dumps(content))


def _without(path, key):
    content = json.loads(path.read_text())
    del content["segGroups"][0][key]
    path.write_text(json.dumps(content))


def test_a_missing_label_table_is_told_before_the_first_frame(
    scannet, create_data, tmp_path
):
    (scannet / "meta_data" / "scannetv2-labels.combined.tsv").unlink()
    with pytest.raises(SystemExit, match=r"label table .*combined\.tsv is missing"):
        create_data("scannet200_sv", scannet, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_label_table(scannet, tmp_path):
    folder = scannet / "3D" / "scene0000_00"
    with pytest.raises(FileNotFoundError, match=r"label table .*gone\.tsv is missing"):
        load_mesh_labels(folder, tmp_path / "gone.tsv", "id")
    (tmp_path / "t.tsv").write_text("raw_category\tcategory\na\tb\n")
    with pytest.raises(ValueError, match=r"needs the columns raw_category and nyu40id"):
        load_mesh_labels(folder, tmp_path / "t.tsv", "nyu40id")


def test_colour_and_depth_of_another_shape(scannet):
    folder = scannet / "2D" / "scene0000_00"
    Image.open(folder / "color" / "0.jpg").resize((160, 160)).save(
        folder / "color" / "0.jpg"
    )
    with pytest.raises(ValueError, match=r"is 160x160 and the depth map 160x120"):
        frame_of(scannet, "scene0000_00", "0")


def test_intrinsics_of_another_resolution(scannet):
    folder = scannet / "2D" / "scene0000_00" / "intrinsic"
    K = np.array([[1170.0, 0, 647], [0, 1170, 484], [0, 0, 1]])
    np.savetxt(folder / "intrinsic_depth.txt", K)
    with pytest.raises(
        ValueError, match=r"do not belong to an image of 160x120.*cx=647"
    ):
        frame_of(scannet, "scene0000_00", "0")


def test_no_intrinsics_and_an_odd_size(scannet):
    folder = scannet / "2D" / "scene0000_00"
    shutil.rmtree(folder / "intrinsic")
    for name in ("color/0.jpg", "depth/0.png"):
        Image.open(folder / name).resize((100, 60), Image.NEAREST).save(folder / name)
    with pytest.raises(
        ValueError, match=r"no intrinsic/intrinsic_depth\.txt .* of 100x60"
    ):
        frame_of(scannet, "scene0000_00", "0")


def test_no_split_files(scannet):
    shutil.rmtree(scannet / "meta_data")
    with pytest.raises(
        FileNotFoundError, match=r"neither .*scannetv2_sv_train\.txt nor"
    ):
        ScanNetLabeller(scannet, "x", "id").samples()


def test_a_line_that_is_no_sample(scannet):
    (scannet / "meta_data" / "scannetv2_sv_val.txt").write_text("scene0002_00\nattic")
    with pytest.raises(ValueError, match=r"lists 'attic', expected <scene>_<frame nu"):
        ScanNetLabeller(scannet, "x", "id").samples()


def test_a_scene_without_frames_is_not_forgotten(scannet):
    meta = scannet / "meta_data"
    (meta / "scannetv2_sv_train.txt").unlink()
    (meta / "scannetv2_train.txt").write_text("scene0000_00\nscene0009_00\n")
    with pytest.raises(
        ValueError, match=r"1 scenes that are not on disk: scene0009_00"
    ):
        ScanNetLabeller(scannet, "x", "id").samples()
    (scannet / "2D" / "scene0009_00" / "pose").mkdir(parents=True)
    names = [n.idx for n in ScanNetLabeller(scannet, "x", "id").samples()["train"]]
    assert names == ["scene0000_00_0", "scene0009_00_0"]


def test_a_sample_listed_twice(scannet):
    path = scannet / "meta_data" / "scannetv2_sv_val.txt"
    path.write_text("scene0002_00_0\n" * 2)
    with pytest.raises(ValueError, match="lists scene0002_00_0 more than once"):
        ScanNetLabeller(scannet, "x", "id").samples()


@pytest.fixture(scope="module")
def tours(pristine_scannet):
    """The scenes as sequences; tests only read it."""
    out = pristine_scannet.parent / "tours"
    folders = ["--root-path", str(pristine_scannet), "--out-dir", str(out)]
    main(["scannet200_mv", *folders, "--num-points", str(N)])
    return out


def test_sequences_stand_in_the_world_of_their_scene(tours, pristine_scannet):
    """Every 40th frame; poses and points as in the raw files, unaligned."""
    (entry,) = info(tours, "val", "scannet200_mv")["data_list"]
    assert entry["sample_idxs"] == ["scene0002_00_0", "scene0002_00_40"]
    folder = pristine_scannet / "2D" / "scene0002_00"
    for n, pose, K in zip((0, 40), entry["poses"], entry["cam2imgs"]):
        raw = np.loadtxt(folder / "pose" / f"{n}.txt")
        np.testing.assert_array_equal(pose, raw)
        depth = np.asarray(Image.open(folder / "depth" / f"{n}.png"))
        x, y = read_pixels(tours / "pixels" / "scene0002_00" / f"{n}.bin").T
        rays = np.stack([x, y, np.ones(N)]) * depth[y, x] / 1000
        world = raw[:3, :3] @ np.linalg.inv(K) @ rays + raw[:3, 3:]
        points = read_points(tours / "points" / "scene0002_00" / f"{n}.bin")
        np.testing.assert_allclose(points[:, :3], world.T, atol=1e-5)


def test_sequences_have_the_mesh_of_their_scene(tours, pristine_scannet):
    (entry,) = info(tours, "val", "scannet200_mv")["data_list"]
    compare_cloud(tours, pristine_scannet)
    assert set(entry["cloud"]["crc32"]) == {
        *("points", "semantic_mask", "instance_mask", "super_points"),
    }


def compare_cloud(out, root):
    """Files of a cloud against the raw ones of scene 2, read without our code."""
    folder, scene = root / "3D" / "scene0002_00", "scene0002_00"
    vertex = PlyData.read(folder / f"{scene}_vh_clean_2.ply")["vertex"]
    points = read_points(out / "points" / f"{scene}.bin")
    names = ("x", "y", "z", "red", "green", "blue")
    np.testing.assert_array_equal(points, np.stack([vertex[n] for n in names], 1))
    segments = np.array(
        json.loads((folder / f"{scene}_vh_clean_2.0.010000.segs.json").read_text())[
            "segIndices"
        ]
    )
    own = read_labels(out / "super_points" / f"{scene}.bin", len(points))
    pairs = np.unique(np.stack([segments, own]), axis=1)
    assert len(pairs.T) == len(np.unique(segments)) == own.max() + 1  # one to one
    groups = json.loads((folder / f"{scene}.aggregation.json").read_text())
    instance = read_labels(out / "instance_mask" / f"{scene}.bin", len(points))
    semantic = read_labels(out / "semantic_mask" / f"{scene}.bin", len(points))
    for group in groups["segGroups"]:
        inside = np.isin(segments, group["segments"])
        np.testing.assert_array_equal(inside, instance == group["objectId"] + 1)
        assert (semantic[inside] == CATEGORIES[group["label"]].raw_id).all()
    assert (semantic[instance == 0] == 0).all()


def test_meshes_become_clouds(pristine_scannet, create_data, tmp_path, caplog):
    """Of the scenes of the lists; again, and nothing is written anew."""
    out = tmp_path / "out"
    create_data("scannet200", pristine_scannet, out)
    compare_cloud(out, pristine_scannet)
    (entry,) = info(out, "val", "scannet200")["data_list"]
    assert entry["sample_idx"] == "scene0002_00"
    align = axis_alignment(pristine_scannet / "3D/scene0002_00/scene0002_00.txt")
    np.testing.assert_array_equal(entry["axis_align_matrix"], align)
    report = json.loads((out / "report_val.json").read_text())
    assert report["superpoint_purity"] == report["superpoint_oracle_recall50"] == 1
    times = {path: path.stat().st_mtime_ns for path in out.glob("*/*.bin")}
    create_data("scannet200", pristine_scannet, out)
    assert times == {path: path.stat().st_mtime_ns for path in out.glob("*/*.bin")}
    data = ScanNet200SegDataset_(
        data_root=str(out),
        ann_file="scannet200_oneformer3d_infos_val.json",
        data_prefix={
            "pts": "points",
            "pts_semantic_mask": "semantic_mask",
            "pts_instance_mask": "instance_mask",
            "sp_pts_mask": "super_points",
        },
        pipeline=[LoadPointsFromFile_(), LoadAnnotations3D_()],
    )
    assert len(data[0]["points"]) == entry["num_points"]


def test_a_damaged_mesh_is_counted(scannet, create_data, tmp_path):
    _cut(scannet / "3D" / "scene0000_00" / "scene0000_00.aggregation.json")
    message = r"1 of 2 scenes .*scene0000_00.*aggregation\.json is truncated"
    with pytest.raises(SystemExit, match=message):
        create_data("scannet200", scannet, tmp_path / "out")
    create_data("scannet200", scannet, tmp_path / "out", "--max-skipped", 0.5)
    train = info(tmp_path / "out", "train", "scannet200")["data_list"]
    assert [entry["sample_idx"] for entry in train] == ["scene0001_00"]


def test_sequences_are_of_the_listed_scenes(scannet):
    """Where scenes are listed, and not only frames for single views."""
    meta = scannet / "meta_data"
    (meta / "scannetv2_train.txt").write_text("scene0001_00\n")

    def names(**options):
        source = ScanNetLabeller(scannet, "x", "id", of_sequences=True, **options)
        return [name.idx for name in source.samples()["train"]]

    assert names() == ["scene0001_00_0", "scene0001_00_40"]
    assert len(names(frame_interval=20)) == 3
    (meta / "scannetv2_train.txt").unlink()
    assert len(names()) == 4  # two frames of the two scenes whose frames are listed
