"""Shape of the predicted surfaces of a frame: normals, and how flat the walls are.

Both judge the depth alone: predicted and true depth are seen through the true
intrinsics.
"""

import numpy as np

from vantage3d.evaluation.planarity import planarity
from vantage3d.evaluation.plane_segments import plane_segments
from vantage3d.evaluation.surface_normals import angle_statistics, normal_angles
from vantage3d.evaluation.windows.aligned import AlignedWindow
from vantage3d.evaluation.windows.contracts import Floats, Record


def normal_error_map(window: AlignedWindow, frame: int) -> Floats:
    """(H, W) degrees between predicted and true surface, NaN where not measured."""
    truth = window.truth
    return normal_angles(
        window.depth[frame], truth.depth[frame], truth.K[frame], truth.valid[frame]
    )


def normal_records(window: AlignedWindow) -> list[Record]:
    """``normals.full.*`` and ``normals.building.*`` of each frame, and their pixels.

    A region with fewer measured pixels than the options ask for has NaN.
    """
    options = window.options
    least = {"full": options.min_pixels, "building": options.min_building}
    records: list[Record] = []
    for i, buildings in enumerate(window.buildings):
        angles = normal_error_map(window, i)
        regions = {"full": angles}
        if options.building:
            regions["building"] = angles[buildings]
        record: Record = {}
        for name, values in regions.items():
            known = values[~np.isnan(values)]
            record[f"count.normals.{name}.pixels"] = float(len(known))
            enough = known if len(known) >= least[name] else known[:0]
            statistics = angle_statistics(enough)
            record |= {f"normals.{name}.{key}": v for key, v in statistics.items()}
        records.append(record)
    return records


def planarity_records(window: AlignedWindow) -> list[Record]:
    """``planarity.REGION.*`` of each frame, its pixels and its planes."""
    truth, region = window.truth, window.region
    records: list[Record] = []
    for i, pred in enumerate(window.depth):
        instances = None if truth.instances is None else truth.instances[i]
        depth, K = truth.depth[i].astype(np.float64), truth.K[i]
        mask = window.judged[i] & truth.valid[i]
        segments = plane_segments(depth, K, mask, instances)
        found = planarity(pred, depth, K, segments)
        record = {
            f"planarity.{region}.{key}": value
            for key, value in found.statistics().items()
        }
        record["count.planarity.planes"] = float(segments.max() + 1)
        record["count.planarity.pixels"] = float(len(found.residual))
        records.append(record)
    return records
