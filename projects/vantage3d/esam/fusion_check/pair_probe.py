"""Is what separates flush instances in the input at all? An answer without training.

Neighbouring superpoints that lie on one plane are compared: how well does the distance
of their features tell whether they belong to two instances? The area under the ROC
curve is 1 if it always does, and 0.5 if it knows nothing.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from vantage3d.checks import check_shape

PURITY = 0.95  # superpoints on a border belong to nobody
MIN_POINTS = 10
FLATNESS = 0.0015  # root mean square distance from a plane, metres
REACH = 0.3  # metres between centres
FINER = (0.02, 0.01)  # metres: voxels of a network without images that sees finer
BINS = (0.25, 0.5, 0.75)  # quantiles of a frame's voxel colours
Probe = dict[str, NDArray[np.floating]]


def roc_area(values: NDArray, positive: NDArray[np.bool_]) -> float:
    """Chance that a positive (P,) has the larger of the values (P,); ties count half.

    Raises:
        ValueError: If all or none are positive.
    """
    count = int(positive.sum())
    if count in (0, len(positive)):
        raise ValueError(
            f"`positive` must hold both kinds, got {count} of {len(positive)}."
        )
    ranks = rankdata(values)[positive].sum() - count * (count + 1) / 2
    return float(ranks / (count * (len(positive) - count)))


def probe_frame(
    points: NDArray,
    superpoints: NDArray[np.integer],
    instances: NDArray[np.integer],
    image_feats: NDArray | None,
    voxel_size: float,
) -> Probe:
    """Distances between neighbouring coplanar superpoints of one frame.

    Colours of voxels are what a network without images has. Where those of finer voxels
    tell instances apart, a gain by images may be no more than resolution.

    Args:
        points: (N, 6) metres and colour.
        superpoints: (N,) ids 0..M-1.
        instances: (N,) ids, negative for none.
        image_feats: (N, C) image feature of each point, if there are any.
        voxel_size: Metres, of the model.

    Returns:
        (P,) arrays: ``differs`` (1 for two instances), and the distance by ``image
        features``, ``position``, and for this voxel size and those of :data:`FINER`
        mean, deviation and histogram of the voxel colours of a superpoint.
    """
    check_shape("points", points, "N 6")
    center = _mean(points[:, :3], superpoints)
    # the instance that nearly all points of a superpoint have, else -1
    table = np.zeros((superpoints.max() + 1, instances.max() + 2), np.int64)
    np.add.at(table, (superpoints, np.maximum(instances, -1) + 1), 1)
    total = table.sum(axis=1)
    pure = (table.max(axis=1) > PURITY * total) & (total >= MIN_POINTS)
    owner = np.where(pure, table.argmax(axis=1) - 1, -1)
    kinds = {"position": center}
    if image_feats is not None:
        kinds = {"image features": _mean(image_feats, superpoints), **kinds}
    for size in (voxel_size, *FINER):
        for name, feats in voxel_colours(points, superpoints, size).items():
            kinds[f"{name}, {100 * size:g} cm"] = feats
    pairs = np.array(list(_pairs(points[:, :3], superpoints, center, owner)), int)
    first, second = pairs.reshape(-1, 2).T
    distances = {
        name: np.linalg.norm(feats[first] - feats[second], axis=1)
        for name, feats in kinds.items()
    }
    return {"differs": (owner[first] != owner[second]).astype(float), **distances}


def voxel_colours(
    points: NDArray, superpoints: NDArray[np.integer], voxel_size: float
) -> dict[str, NDArray]:
    """(M, C) statistics of the voxel colours of each superpoint, by name."""
    voxels = np.floor(points[:, :3] / voxel_size).astype(np.int64)
    _, voxel = np.unique(voxels, axis=0, return_inverse=True)
    color = _mean(points[:, 3:], voxel.ravel())[voxel.ravel()]
    mean = _mean(color, superpoints)
    bins = [np.searchsorted(np.quantile(c, BINS), c, side="right") for c in color.T]
    inside = np.concatenate([np.eye(len(BINS) + 1)[b] for b in bins], axis=1)
    return {
        "mean colour": mean,
        "spread of colour": np.sqrt(
            np.maximum(_mean(color**2, superpoints) - mean**2, 0)
        ),
        "colour histogram": _mean(inside, superpoints),
    }


def _mean(values: NDArray, ids: NDArray) -> NDArray:
    """(M, C) mean row of each id."""
    count = np.bincount(ids)
    columns = [np.bincount(ids, column) / count for column in values.T]
    return np.stack(columns, axis=1)


def _pairs(
    xyz: NDArray, superpoints: NDArray, center: NDArray, owner: NDArray
) -> Iterator[tuple[int, int]]:
    """Superpoints with an owner that are near and together on one plane."""
    order = np.argsort(superpoints, kind="stable")
    ends = np.cumsum(np.bincount(superpoints))[:-1]
    members = np.split(xyz[order].astype(np.float64), ends)
    owned = np.flatnonzero(owner >= 0)
    for number, first in enumerate(owned):
        others = owned[number + 1 :]
        near = np.linalg.norm(center[others] - center[first], axis=1) < REACH
        for second in others[near]:
            both = np.concatenate([members[first], members[second]])
            both -= both.mean(axis=0)
            if np.linalg.eigvalsh(both.T @ both / len(both))[0] < FLATNESS**2:
                yield int(first), int(second)


def probe_dataset(
    dataset: object, source: torch.nn.Module | None, voxel_size: float
) -> Probe:
    """Pairs of all frames of a test set, with the model's ``image_features`` if any."""
    frames = []
    for number in range(len(dataset)):  # type: ignore[arg-type]
        item = dataset[number]  # type: ignore[index]
        inputs = {key: [value] for key, value in item["inputs"].items()}
        sample = item["data_samples"]
        feats = None
        if source is not None:
            with torch.no_grad():
                feats = source(inputs, [sample]).sample().numpy()
        truth = np.asarray(sample.eval_ann_info["pts_instance_mask"])
        stuff = truth < 2  # walls and floors are no instances
        frames.append(
            probe_frame(
                inputs["points"][0].numpy(),
                sample.gt_pts_seg.sp_pts_mask.numpy(),
                np.where(stuff, -1, truth),
                feats,
                voxel_size,
            )
        )
    return {key: np.concatenate([f[key] for f in frames]) for key in frames[0]}
