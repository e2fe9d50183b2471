"""Instance AP of whole scenes, found on some points and judged on others."""

from typing import Any

from vantage3d.checks import check_shape
from vantage3d.esam.evaluation.protocols import find_protocol
from vantage3d.esam.evaluation.unified_seg_metric import UnifiedSegMetric
from vantage3d.evaluation.instance_overlaps import SceneOverlaps
from vantage3d.evaluation.transfer import nearest_rows, smoothed, transferred
from vantage3d.evaluation.windows.contracts import numpy
from vantage3d.registry import METRICS


@METRICS.register_module()
class SceneSegMetric(UnifiedSegMetric):
    """AP, AP50 and AP25 of the instances that a stream has found of a scene.

    As :class:`UnifiedSegMetric`, and a sample also has the points: those that masks
    were found on in ``pred_pts_seg["points"]`` (N, 3), those of the truth in
    ``eval_ann_info["points"]`` (M, 3), metres in one world. All that
    ``eval_ann_info`` has is of the latter; ``sp_pts_mask`` are segments of the mesh.
    Where it has none the trivial answer are ``pred_pts_seg["superpoints"]`` (N,),
    ids that two frames do not share.

    Args:
        protocol: Name in :data:`~vantage3d.esam.evaluation.protocols.PROTOCOLS`, how
            masks come from one to the other. It is printed and written beside the
            numbers, which compare among those of one protocol alone.
        **options: Of :class:`UnifiedSegMetric`.

    Raises:
        ValueError: If nothing is called so.
    """

    def __init__(
        self, class_agnostic: bool, protocol: str = "nearest_smooth", **options: Any
    ) -> None:
        super().__init__(class_agnostic, **options)
        self.protocol_name, self.protocol = protocol, find_protocol(protocol)

    def _reduce(self, prediction: dict, annotation: dict) -> dict[str, SceneOverlaps]:
        masks = numpy(prediction["pts_instance_mask"][0])
        points, onto = numpy(prediction["points"]), numpy(annotation["points"])
        check_shape("masks", masks, "P N", dims=check_shape("points", points, "N 3"))
        check_shape("points of the truth", onto, "M 3")
        rows = nearest_rows(points, onto, self.protocol.limit)
        segments = annotation.get("sp_pts_mask")
        masks = transferred(masks, rows, missing=False)
        if self.protocol.smooth:
            if segments is None:
                raise ValueError(
                    f"protocol {self.protocol_name!r} smooths over segments of the "
                    "mesh, and the truth has no `sp_pts_mask`. Give them, or take "
                    f"{self.protocol_name.removesuffix('_smooth')!r}"
                )
            masks = smoothed(masks, numpy(segments))
        if segments is None and self.trivial_baselines:
            own = numpy(prediction["superpoints"])
            annotation = {**annotation, "sp_pts_mask": transferred(own, rows, -1) + 1}
        found = {**prediction, "pts_instance_mask": [masks]}
        return super()._reduce(found, annotation)

    def _about(self) -> dict[str, Any]:
        return {**super()._about(), "protocol": self.protocol_name}
