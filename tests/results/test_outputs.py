"""Every output, read back with a reader that is not its writer."""

import contextlib
import hashlib
import io
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from plyfile import PlyData

from tests.results.scenes import distance_to, room_scene
from vantage3d.io.images import read_depth
from vantage3d.io.video import VideoReader
from vantage3d.recordings.detection import open_recording
from vantage3d.results import ScenePrediction
from vantage3d.results.mesh import scene_mesh
from vantage3d.results.outputs import OUTPUTS, save


@pytest.fixture(scope="module")
def scene():
    return room_scene()[1]


def read_ply(path):
    """Points and columns, the hash beside the file compared."""
    said = path.with_name(f"{path.name}.sha256").read_text().split()[0]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == said
    vertices = PlyData.read(path)["vertex"].data
    points = np.stack([vertices[axis] for axis in "xyz"], 1)
    return points, {name: vertices[name] for name in vertices.dtype.names[3:]}


@pytest.mark.parametrize(("farthest", "scale"), [(9.0, 1000), (80.0, 256), (300, 100)])
def test_depth_is_stored_as_finely_as_its_range_allows(
    scene, tmp_path, farthest, scale
):
    first, *rest = scene.frames
    depth = first.depth * np.float32(farthest / first.depth.max())
    one = ScenePrediction("room", [replace(first, depth=depth), *rest])
    save(one, tmp_path, ["depth"])
    facts = json.loads((tmp_path / "depth" / "scale.json").read_text())
    assert facts["units_per_metre"] == scale
    read = read_depth(tmp_path / "depth" / f"{first.name}.png", scale)
    np.testing.assert_allclose(read, depth, atol=0.5 / scale + 1e-6)


def test_depth_beyond_16_bits_is_refused(scene, tmp_path):
    depth = scene.frames[1].depth.copy()
    depth[3, 4] = 70000.0
    far = ScenePrediction(
        "room", [scene.frames[0], replace(scene.frames[1], depth=depth)]
    )
    message = f"depth of frame {far.frames[1].name} goes to 70000, 16 bits end at 65534"
    with pytest.raises(ValueError, match=message):
        save(far, tmp_path, ["depth"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["transforms", "colmap"])
def test_cameras_read_as_a_recording_are_those_of_the_prediction(scene, tmp_path, kind):
    save(scene, tmp_path, [kind])
    recording = open_recording(tmp_path / kind)
    assert recording.layout == kind
    (sequence,) = recording.sequences()
    frames = recording.frames(sequence)
    assert [frame.name for frame in frames] == [frame.name for frame in scene.frames]
    for read, frame in zip(frames, scene.frames):
        np.testing.assert_allclose(read.color_camera.K, frame.K, atol=1e-6)
        assert read.color_camera.size == frame.color.shape[1::-1]
        np.testing.assert_allclose(read.cam2world, frame.cam2world, atol=1e-6)
        away = recording.read_color(read).astype(int) - frame.color
        assert np.abs(away).mean() < 4  # JPEG
        if kind == "transforms":
            depth = recording.read_depth(read)
            np.testing.assert_allclose(depth, frame.depth, atol=5.1e-4)
    if kind == "transforms":  # where nerfstudio begins
        content = json.loads((tmp_path / kind / "transforms.json").read_text())
        points, columns = read_ply(tmp_path / kind / content["ply_file_path"])
        assert distance_to(room_scene()[0], points[::50]).max() < 1e-4
        assert list(columns) == ["red", "green", "blue"]


def test_text_and_binary_of_a_colmap_model_are_one(scene, tmp_path):
    """Read by COLMAP itself: every point is seen where it projects."""
    pycolmap = pytest.importorskip("pycolmap")
    save(scene, tmp_path, ["colmap"])
    folder = tmp_path / "colmap" / "sparse" / "0"
    models = [pycolmap.Reconstruction() for _ in range(2)]
    models[0].read_binary(folder)
    models[1].read_text(folder)
    for model in models:
        assert model.num_images() == len(scene.frames)
        assert model.compute_mean_track_length() == 1
        assert model.compute_mean_reprojection_error() < 1e-6
    points = [{n: p.xyz for n, p in m.points3D.items()} for m in models]
    assert points[0].keys() == points[1].keys()
    room = room_scene()[0]
    some = np.array(list(points[0].values()))[::50]
    assert distance_to(room, some).max() < 1e-4


def test_masks_are_read_by_cocos_own_loader(scene, tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    save(scene, tmp_path, ["coco"])
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = coco.COCO(str(tmp_path / "masks.json"))
    for number, frame in enumerate(scene.frames, 1):
        rows = loaded.loadAnns(loaded.getAnnIds(imgIds=[number]))
        assert loaded.loadImgs([number])[0]["file_name"] == f"{frame.name}.jpg"
        assert len(rows) == len(frame.instances.scores)
        for row, mask, label in zip(
            rows, frame.instances.masks, frame.instances.labels
        ):
            np.testing.assert_array_equal(loaded.annToMask(row), mask)
            (category,) = loaded.loadCats([row["category_id"]])
            assert category["name"] == frame.instances.classes[label]
            x, y, width, height = map(int, row["bbox"])
            assert (
                mask[y : y + height, x : x + width].sum() == mask.sum() == row["area"]
            )


def test_masks_have_the_size_of_the_image(scene, tmp_path):
    """Whose depth may be smaller, as networks work."""
    frame = scene.frames[0]
    large = replace(frame, color=np.repeat(np.repeat(frame.color, 3, 0), 3, 1))
    save(ScenePrediction("one", [large]), tmp_path, ["coco"])
    content = json.loads((tmp_path / "masks.json").read_text())
    assert (content["images"][0]["width"], content["images"][0]["height"]) == (480, 360)
    areas = [row["area"] for row in content["annotations"]]
    assert areas == [9 * int(mask.sum()) for mask in frame.instances.masks]


def test_clouds_have_colours_and_instances(scene, tmp_path):
    (whole,) = save(scene, tmp_path, ["ply"])
    points, columns = read_ply(whole)
    assert list(columns) == [
        *("nx", "ny", "nz", "red", "green", "blue", "instance", "confidence"),
    ]
    parts = sorted((tmp_path / "instances").glob("*.ply"))
    assert len(parts) == columns["instance"].max() + 1
    for number, path in enumerate(parts):
        assert path.name.startswith(f"{number:03d}_")
        own = columns["instance"] == number
        np.testing.assert_array_equal(read_ply(path)[0], points[own])


def test_what_an_earlier_call_left_goes(scene, tmp_path):
    kinds = ["ply", "depth", "transforms"]
    save(scene, tmp_path, kinds)
    (tmp_path / "instances" / "notes.txt").write_text("of somebody else")
    bare = [replace(scene.frames[0], instances=None)]
    save(ScenePrediction("room", bare), tmp_path, kinds)
    assert [p.name for p in (tmp_path / "instances").iterdir()] == ["notes.txt"]
    left, name = [p.name for p in tmp_path.glob("*/*/*")], scene.frames[0].name
    assert sorted(left) == sorted([f"{name}.jpg", f"{name}.png"])
    left = sorted(p.name for p in (tmp_path / "depth").iterdir())
    assert left == [f"{name}.png", "scale.json"]


def test_the_mesh_is_the_surface_of_the_room(scene, tmp_path):
    """Half of it within a millimetre with voxels of two centimetres."""
    room = room_scene()[0]
    mesh = scene_mesh(scene)
    off = distance_to(room, mesh.vertices[::60])
    assert np.median(off) <= 0.001 and np.quantile(off, 0.9) <= 0.01
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    eyes = np.array([frame.cam2world[:3, 3] for frame in scene.frames])
    towards = ((eyes[:, None] - a[::60]) * normals[::60]).sum(-1) > 0
    assert towards.any(0).mean() > 0.98  # somebody saw each from its front
    assert len(np.unique(np.round(mesh.vertices, 7), axis=0)) == len(mesh.vertices)


def test_depth_without_a_surface_makes_no_mesh(scene, tmp_path):
    speck = np.zeros_like(scene.frames[0].depth)
    speck[60, 80] = 2.0
    one = ScenePrediction("speck", [replace(scene.frames[0], depth=speck)])
    with pytest.raises(ValueError, match="no surface was found in the depth of any"):
        save(one, tmp_path, ["mesh"])


def test_the_mesh_file_has_triangles_and_colours(tmp_path):
    one = ScenePrediction("one", room_scene()[1].frames[:1])
    (path,) = save(one, tmp_path, ["mesh"])
    points, columns = read_ply(path)
    faces = PlyData.read(path)["face"].data["vertex_indices"]
    assert np.stack(faces).max() == len(points) - 1
    shades = np.stack([columns[name] for name in ("red", "green", "blue")], 1)
    mean = one.frames[0].color.reshape(-1, 3).mean(0)
    np.testing.assert_allclose(shades.mean(0), mean, atol=25)


def test_the_video_shows_every_frame(scene, tmp_path):
    (path,) = save(scene, tmp_path, ["video"])
    video = VideoReader(path)
    assert len(video.scan()) == len(scene.frames)
    for place, frame in enumerate(scene.frames):
        image = video.read(place)
        assert image.shape == (240, 3 * 320, 3)
        left = cv2.resize(image[:, :320], frame.color.shape[1::-1], None, 0, 0, 3)
        assert np.abs(left.astype(int) - frame.color).mean() < 10


def test_images_of_several_sizes_make_no_video(scene, tmp_path):
    low = replace(scene.frames[1], color=scene.frames[1].color[:80])
    message = r"overlay.mp4 has shape \(160, 960, 3\), expected \(240, 960, 3\)"
    with pytest.raises(ValueError, match=message):
        save(ScenePrediction("two", [scene.frames[0], low]), tmp_path, ["video"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["ply", "mesh", "colmap", "transforms", "rerun"])
def test_one_world_needs_poses(scene, tmp_path, kind):
    second = replace(scene.frames[1], cam2world=None)
    lost = ScenePrediction("lost", [scene.frames[0], second])
    message = f"frame {second.name} of scene lost has no pose, so its 2 frames do not"
    with pytest.raises(ValueError, match=message):
        save(lost, tmp_path, [kind])


@pytest.mark.parametrize(
    ("kind", "lacks"),
    [
        *(("depth", "no frame with depth"), ("coco", "no instances")),
        *(("video", "neither depth nor instances"), ("html", "no frame with depth")),
    ],
)
def test_what_a_scene_does_not_have_is_named(scene, tmp_path, kind, lacks):
    bare = replace(scene.frames[0], depth=None, confidence=None, instances=None)
    with pytest.raises(ValueError, match=f"scene bare has {lacks}"):
        save(ScenePrediction("bare", [bare]), tmp_path, [kind])


def test_every_output_says_what_it_is():
    assert all(said for _, said in OUTPUTS.values())
