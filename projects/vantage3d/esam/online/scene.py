"""A whole scene from its frames: instances with ids, on the voxels that were seen."""

import numpy as np
from mmdet3d.structures import PointData
from numpy.typing import NDArray

from vantage3d.esam.online.association import RULES, take_in
from vantage3d.esam.online.merged_superpoints import SceneSuperpoints
from vantage3d.esam.online.tracks import Tracks
from vantage3d.esam.online.voxel_map import VOXEL_SIZE, VoxelMap


class SceneInstances:
    """Instances of one scene, which frames add to.

    Args:
        association: Name of the rule that tells which detections are one instance.
        classes: How many classes there are.
        least_score: Detections below it are forgotten.
        most: Detections of a frame, the best ones; None for all.
    """

    def __init__(
        self,
        association: str,
        classes: int,
        least_score: float,
        most: int | None = None,
    ) -> None:
        self.rule, self.least_score, self.most = RULES[association], least_score, most
        self.tracks, self.seen = Tracks(classes), VoxelMap(VOXEL_SIZE)
        self.superpoints, self.frames = SceneSuperpoints(VOXEL_SIZE), 0

    def add(
        self,
        points: NDArray[np.floating],
        superpoints: NDArray[np.int64],
        found: PointData,
    ) -> None:
        """Take the next frame in.

        Args:
            points: (N, 3) metres, in the world of the scene.
            superpoints: (N,) 0..M-1.
            found: What the model says of it.
        """
        points = points.astype(np.float64)
        limits = self.least_score, self.most
        detections = self.rule.detections(found, points, superpoints, *limits)
        take_in(self.rule, detections, self.tracks, self.seen, self.frames)
        self.superpoints.add(points, superpoints)
        self.frames += 1

    def result(self) -> PointData:
        """Instances on ``points`` (V, 3), one of each voxel that was seen.

        ``pts_instance_mask`` [(T, V) bool], ``instance_labels``, ``instance_scores``
        (T,), best first, and ``superpoints`` (V,), which two frames do not share.
        """
        owners = self.superpoints.merged.decided(self.seen.owners)
        owned = np.unique(owners[owners >= 0])
        order = owned[np.argsort(-self.tracks.confidence[owned], kind="stable")]
        return PointData(
            points=self.seen.points,
            pts_instance_mask=[owners[None] == order[:, None]],
            instance_labels=self.tracks.labels[order],
            instance_scores=self.tracks.confidence[order],
            superpoints=self.superpoints.single.owners.astype(np.int64),
        )
