"""DELTAS: interest points, triangulation along epipolar lines, densification.

The contract between data, model and losses. Letters: B samples, V views of which view 0
is the anchor, N keypoints, (H, W) pixels of the images, any size from 32 on.

A data loader yields ``dict(inputs=batch, data_samples=[dict(name=...), ...])``, which
the Runner passes as ``model(**data, mode=...)``. ``batch`` is a dict:

======================  ==============================================================
``images``              (B, V, 3, H, W) float32 RGB in [0, 1]; the model normalises
``K``                   (B, V, 3, 3) float32 in pixels of these images, per view
``cam2world``           (B, V, 4, 4) float32, OpenCV axes, metres
``depth``               (B, V, H, W) float32 metres, 0 = missing; training alone
``names``               B strings, the samples' names; optional
======================  ==============================================================

``criterion(outputs, batch) -> dict[str, Tensor]`` computes the losses;
``MODELS.build(criterion)`` builds it. ``outputs`` is a dict, pixels as (x, y):

======================  ==============================================================
``score_logits``        (B, D, 65, h, w) of the detector, channel 8 * dy + dx of a cell
                        of 8 x 8 pixels, 64 = none; h = ceil(H / 8), w = ceil(W / 8).
                        D is V in ``mode="loss"`` (every view), else 1 (the anchor)
``descriptors``         (B, V, C, h', w'), unit length, one per ``descriptor_stride``
``keypoints``           (B, N, 2) pixels of the anchor, whole numbers, no two alike
``keypoint_scores``     (B, N), 0 where drawn at random
``segments``            (B, V - 1, N, 2, 2) the ends of the searched epipolar segments,
                        pixels; of no meaning where ``range_kp`` is false
``range_kp``            (B, V - 1, N) bool: there is something to search in that view
``matches``             (B, V - 1, N, 2) pixels; (0, 0) where ``range_kp`` is false
``confidence``          (B, N, V): 1 for the anchor, 0 where ``range_kp`` is false
``points_anchor``       (B, N, 3) metres in the anchor's camera; zero where not valid
``point_valid``         (B, N) bool: triangulated, in front of every camera used
``sparse_valid``        (B, N) bool: of those, inside ``sparse_range``: used by depthnet
``counts``              dict of (B,) int64: ``keypoints``, ``triangulated``, ``used``
                        by depthnet, and why others were not triangulated: ``no_view``
                        (fewer than ``min_matches``), ``no_parallax``, ``behind`` a
                        camera, ``disagree``
``depth_pyramid``       four (B, 1, h, w), metres, not clamped, coarse to fine: sizes
                        ceil(H / s), ceil(W / s) for s = 8, 4, 2, 1
``depth``               (B, H, W), the last of the pyramid
======================  ==============================================================

``mode="loss"`` returns what the criterion returns. ``mode="predict"`` returns B dicts
with ``pred_depth`` (H, W) clamped to at least 1e-3 m, ``keypoints``, ``segments``,
``range_kp``, ``points_anchor``, ``point_valid``, ``sparse_valid`` of the sample,
``share_triangulated`` (float), ``counts`` (int by name) and ``chance``, points (N, 3)
and valid (N,) by the place of each segment that was taken for its match, ``centre`` and
``random``. ``mode="tensor"`` returns ``outputs``.

:class:`PlaneSweepDepth` has the same batch and criterion, and a cost volume in place of
keypoints.
"""

from vantage3d.deltas.models.checkpoint import load_three, save_three
from vantage3d.deltas.models.estimator import DELTAS
from vantage3d.deltas.models.plane_sweep import PlaneSweepDepth

__all__ = ["DELTAS", "PlaneSweepDepth", "load_three", "save_three"]
