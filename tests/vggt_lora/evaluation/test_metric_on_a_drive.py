"""The metric on a prepared drive: from files to numbers."""

from vantage3d.geometry import invert_rigid
from vantage3d.registry import DATASETS, METRICS
from vantage3d.views.batch import collate_views


def test_a_prepared_drive_with_lidar_depth(cache):
    """Sparse depth, a world kilometres away, one batch."""
    views = dict(type="KITTI360Dataset", data_root=str(cache), image_size=168)
    data = DATASETS.build(dict(**views, split="val", frames=3, test_mode=True))
    metric = METRICS.build(dict(type="DepthMetric", min_building=20))
    for sample in (data[0], data[1]):
        inputs = collate_views([sample])
        answer = {
            "pred_depth": 0.1 * sample["depth"],
            "pred_K": sample["K"],
            "pred_world2cam": invert_rigid(sample["cam2world"].double()),
        }
        answer["pred_world2cam"][:, :3, 3] *= 0.1
        metric.process(inputs, [answer])
    found = metric.evaluate(2)
    assert found["count.frames"] == 6 and found["count.building.pixels"] > 120
    assert found["count.nan_pixels"] == 0
    assert found["depth.building.abs_rel"] < 1e-6
    assert found["normals.full.angular_mean"] < 0.01  # float32 depth
    assert found["pose.ate_trans"] < 1e-5 and found["pose.auc_3"] == 1
    assert found["points.f_score"] == 1
