"""A scene's recording, read back through rerun."""

import numpy as np
import pytest

from tests.results.scenes import room_scene
from vantage3d.results import ScenePrediction
from vantage3d.results.cloud import scene_cloud
from vantage3d.results.outputs import save


def test_the_recording_holds_clouds_cameras_and_depth(tmp_path, monkeypatch):
    rerun = pytest.importorskip("rerun")
    shown = rerun.blueprint.Spatial3DView
    views = []
    monkeypatch.setattr(
        rerun.blueprint, "Spatial3DView", lambda **k: views.append(k) or shown(**k)
    )
    scene = ScenePrediction("room", room_scene()[1].frames[:2])
    (path,) = save(scene, tmp_path, ["rerun"])
    view = rerun.dataframe.load_recording(path).view(index="frame", contents="/**")
    table = view.select().read_all().drop_columns(["log_time"]).to_pydict()
    assert table["frame"] == [0, 1]
    for row, frame in enumerate(scene.frames):
        centre = table["/world/camera:Translation3D"][row][0]
        np.testing.assert_allclose(centre, frame.cam2world[:3, 3], atol=1e-6)
        buffer = np.array(table["/world/camera/image/depth:ImageBuffer"][row][0])
        depth = buffer.astype(np.uint8).view(np.uint16).reshape(frame.depth.shape)
        np.testing.assert_allclose(depth / 1000, frame.depth, atol=5.1e-4)
    still = view.select_static().read_all().to_pydict()
    points = np.array(still["/world/colour:Position3D"][0])
    cloud = scene_cloud(scene)
    np.testing.assert_allclose(points, cloud.points, atol=1e-5)
    assert len(still["/world/instances:Color"][0]) == len(points)
    assert [view["name"] for view in views] == ["colour", "instances"]
    for view in views:  # else points of the depth would cover those of the cloud
        assert "- world/camera/image/depth" in view["contents"]
