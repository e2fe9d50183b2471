"""Points of a scene, against the exact surfaces and a slow gathering."""

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.results.scenes import distance_to, room_scene
from vantage3d.geometry import unproject
from vantage3d.results import ScenePrediction
from vantage3d.results.cloud import flying_pixels, scene_cloud, surface_normals


def test_points_lie_on_the_surfaces_one_per_voxel():
    room, scene = room_scene()
    cloud = scene_cloud(scene)
    assert distance_to(room, cloud.points[::40]).max() < 1e-4
    voxels = np.floor(cloud.points / cloud.voxel_size)
    assert len(np.unique(voxels, axis=0)) == len(voxels)
    every = [f.points()[(f.depth > 0) & ~flying_pixels(f.depth)] for f in scene.frames]
    assert len(voxels) == len(
        np.unique(np.floor(np.concatenate(every) / cloud.voxel_size), axis=0)
    )


def test_of_a_voxel_the_nearest_point_is_kept_whichever_frame_comes_first():
    scene = ScenePrediction("room", room_scene()[1].frames[:2])
    cloud = scene_cloud(scene)
    turned = scene_cloud(ScenePrediction("room", scene.frames[::-1]))
    for one in (cloud, turned):
        best: dict[tuple, float] = {}
        for frame in scene.frames:
            kept = (frame.depth > 0) & ~flying_pixels(frame.depth)
            voxels = np.floor(frame.points()[kept] / one.voxel_size).tolist()
            for voxel, depth in zip(map(tuple, voxels), frame.depth[kept].tolist()):
                best[voxel] = min(best.get(voxel, np.inf), depth)
        voxels = map(tuple, np.floor(one.points / one.voxel_size).tolist())
        assert [best[voxel] for voxel in voxels] == one.depth.tolist()
    thin = cloud.thinned(5 * cloud.voxel_size)
    assert 0 < len(thin.points) < len(cloud.points) / 10


def test_values_of_points_are_those_of_their_pixels():
    _, scene = room_scene()
    cloud = scene_cloud(scene)
    for place, frame in enumerate(scene.frames):
        rows = cloud.frames == place
        points, every = cloud.points[rows], frame.points().reshape(-1, 3)
        pixels = [int(np.abs(every - p).sum(1).argmin()) for p in points[:20]]
        colors = frame.color.reshape(-1, 3)[pixels]
        np.testing.assert_array_equal(cloud.colors[rows][:20], colors)
        sure = frame.confidence.reshape(-1)[pixels]
        np.testing.assert_array_equal(cloud.confidence[rows][:20], sure)


def test_normals_of_a_slanted_plane():
    K = np.array([[80.0, 0, 31.5], [0, 90, 23.5], [0, 0, 1]])
    normal = np.array([0.3, -0.5, -0.8]) / np.linalg.norm([0.3, -0.5, -0.8])
    rays = unproject(np.ones((48, 64)), K, np.eye(4))
    depth = -2.0 / (rays @ normal)
    found = surface_normals(depth, K)[4:-4, 4:-4]
    np.testing.assert_allclose(found, np.broadcast_to(normal, found.shape), atol=1e-6)


def test_flying_pixels_are_those_of_a_blurred_edge_and_not_of_slanted_planes():
    depth = np.full((40, 60), 4.0, np.float32)
    depth[:, 30:] = 1.5
    assert not flying_pixels(depth).any()
    blurred = cv2.blur(depth, (3, 3))
    between = (blurred > 1.55) & (blurred < 3.95)
    assert between.sum() == 80
    np.testing.assert_array_equal(flying_pixels(blurred)[1:-1], between[1:-1])
    floor = np.broadcast_to(90 / np.arange(41, 1, -1)[:, None], (40, 60))  # 2 to 45 m
    assert not flying_pixels(floor).any()


def test_instances_of_frames_become_those_of_the_room():
    room, scene = room_scene(count=12)
    cloud = scene_cloud(scene)
    for row in cloud.table:
        own = cloud.points[cloud.instances == row.number]
        on = Counter()  # points on the surfaces of each instance of the room
        for number, category in enumerate(room.categories, 1):
            if category.name == row.label:
                own_solids = np.flatnonzero(room.instances[1:] == number)
                solids = [room.solids[place] for place in own_solids]
                near = [s.contains(s.to_local(own), 1e-3) for s in solids]
                on[number] = int(np.any(near, axis=0).sum())
        assert on.most_common(1)[0][1] > 0.99 * len(own), row
    labels = Counter(row.label for row in cloud.table)
    truth = Counter(c.name for c in room.categories)
    assert labels["floor"] == 1 and labels["couch"] == 1
    assert sum((labels - truth).values()) <= 2  # seen from far ends that never met


def test_ids_of_a_stream_are_kept_as_they_are():
    """Even of instances that fill the same space; rows follow the ids."""
    _, scene = room_scene()
    frames = []
    for frame in scene.frames:
        number = len(frame.instances.scores)
        tracks = 7 * np.arange(number) + 3
        frames.append(replace(frame, instances=replace(frame.instances, tracks=tracks)))
    cloud = scene_cloud(ScenePrediction("room", frames))
    most = max(len(frame.instances.scores) for frame in frames)
    assert [row.number for row in cloud.table] == list(range(most))
    counts = Counter(n for f in frames for n in range(len(f.instances.scores)))
    assert [row.frames for row in cloud.table] == [counts[n] for n in range(most)]
    for place, frame in enumerate(frames):
        number = len(frame.instances.scores)
        assert cloud.numbers[place].tolist() == list(range(number))
    best = max(frame.instances.scores[0] for frame in frames)
    assert cloud.table[0].score == pytest.approx(best)
    assert set(cloud.instances.tolist()) <= {-1, *range(most)}
    mixed = [frames[0], scene.frames[1]]
    with pytest.raises(ValueError, match="frame 1 of the scene has no `tracks`"):
        scene_cloud(ScenePrediction("room", mixed))


def test_without_poses_every_frame_keeps_its_points_and_instances():
    _, scene = room_scene()
    frames = [replace(frame, cam2world=None) for frame in scene.frames]
    cloud = scene_cloud(ScenePrediction("room", frames))
    assert not cloud.posed
    found = sum(len(frame.instances.scores) for frame in frames)
    assert len(cloud.table) == found
    assert all(row.frames == 1 for row in cloud.table)
    thin = cloud.thinned(2 * cloud.voxel_size)
    assert set(thin.frames) == set(range(len(frames)))


def test_a_frame_without_measured_depth_adds_nothing():
    _, scene = room_scene()
    blind = replace(scene.frames[0], depth=np.zeros_like(scene.frames[0].depth))
    cloud = scene_cloud(ScenePrediction("blind", [blind, *scene.frames[1:]]))
    assert set(cloud.frames) == {1, 2, 3}
    assert set(cloud.numbers[0]) == {-1}


def test_scenes_that_have_no_points_are_refused():
    _, scene = room_scene()
    bare = replace(scene.frames[0], depth=None, confidence=None)
    with pytest.raises(ValueError, match="scene empty has no frame with depth"):
        scene_cloud(ScenePrediction("empty", [bare]))
    pose = scene.frames[0].cam2world.copy()
    pose[0, 3] = 1e9
    far = replace(scene.frames[0], cam2world=pose)
    with pytest.raises(ValueError, match=r"a point lies 1e\+09 from the origin"):
        scene_cloud(ScenePrediction("far", [far]))
