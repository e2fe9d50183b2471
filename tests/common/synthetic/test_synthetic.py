import filecmp
import json

import cv2
import numpy as np
from scipy.spatial import cKDTree

from projects.common.geometry import invert_rigid, unproject
from projects.common.synthetic import make_room, scene_mesh, write_scannet


def tree_bytes(root):
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def read_ply(path):
    data = path.read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    count = int(data[:end].split(b"element vertex ")[1].split()[0])
    dtype = np.dtype([("xyz", "<f4", 3), ("rgba", "u1", 4)])
    return np.frombuffer(data, dtype, count, end)["xyz"].astype(np.float64)


def test_scannet_tree_is_the_same_for_any_worker_count(tmp_path):
    for workers in (1, 2):
        root = tmp_path / str(workers)
        list(write_scannet(root, 1, 1, [0, 20], (64, 48), seed=3, workers=workers))
    assert tree_bytes(tmp_path / "1") == tree_bytes(tmp_path / "2")
    assert not filecmp.dircmp(tmp_path / "1", tmp_path / "2").diff_files


def test_points_of_scannet_frames_lie_on_the_mesh(tmp_path):
    list(write_scannet(tmp_path, 1, 0, [0, 200], (64, 48), seed=1))
    scene = "scene0000_00"
    vertices = read_ply(tmp_path / f"3D/{scene}/{scene}_vh_clean_2.ply")
    frames = tmp_path / "2D" / scene
    K = np.loadtxt(frames / "intrinsic/intrinsic_depth.txt")[:3, :3]
    for number in (0, 200):
        path = str(frames / f"depth/{number}.png")
        depth = cv2.imread(path, cv2.IMREAD_UNCHANGED) / 1000.0
        points = unproject(depth, K, np.loadtxt(frames / f"pose/{number}.txt"))
        distance, _ = cKDTree(vertices).query(points[depth > 0])
        assert distance.max() < 0.03
    segs = json.loads(
        (tmp_path / f"3D/{scene}/{scene}_vh_clean_2.0.010000.segs.json").read_text()
    )
    assert len(segs["segIndices"]) == len(vertices)


def test_mesh_covers_every_instance():
    room = make_room(5)
    mesh = scene_mesh(room)
    assert set(np.unique(mesh.instance)) == set(range(1, len(room.categories) + 1))
    assert mesh.faces.max() < len(mesh.vertices)


def test_invert_is_consistent_with_pose_files():
    pose = np.eye(4)
    pose[:3, 3] = 1, 2, 3
    np.testing.assert_array_equal(invert_rigid(invert_rigid(pose)), pose)
