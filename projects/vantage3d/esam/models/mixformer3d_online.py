"""ESAM on streams: the single-view detector with a memory of earlier frames.

The encoder's voxels meet what it saw before (:class:`MultilevelMemory`); a vector and a
box of every instance say which one of earlier frames it is (:class:`MergeHead`; the
matching itself is ``vantage3d.esam.online``). A tracker's memory of the last frame's
queries (:class:`TrackHead`) is an option.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmdet3d.structures import Det3DDataSample, PointData
from torch import Tensor

from vantage3d.checks import check_choice
from vantage3d.esam.losses.criterion import corners
from vantage3d.esam.models.mixformer3d import Frames, ScanNet200MixFormer3D
from vantage3d.esam.online.association import RULES
from vantage3d.esam.online.scene import SceneInstances
from vantage3d.registry import MODELS


@MODELS.register_module()
class ScanNet200MixFormer3D_Online(ScanNet200MixFormer3D):
    """The single-view detector, whose encoder remembers.

    Frames of one scene stand in one world, without an offset of their own.

    Args:
        memory: Config of MultilevelMemory.
        merge_head: Config of MergeHead.
        merge_criterion: Config of ScanNetMergeCriterion_Fast.
        association: Name in ``vantage3d.esam.online.association.RULES``, of what is one
            instance in several frames of a scene.
        least_score: Detections below it are no part of a scene.
        most: Detections of a frame that are part of it, the best ones; None for all.
        track_head: Config of TrackHead, which the association "tracking" asks for.
        track_criterion: Config of TrackCriterion, where there is a ``track_head``.
        track_alone: Train the ``track_head`` alone; all else stays as it is, statistics
            of norms included.
        **single_view: Arguments of :class:`ScanNet200MixFormer3D`.

    Raises:
        ValueError: If the memory does not fit the backbone, ``tta`` is asked for, or
            what tracking needs is not there.
    """

    IGNORED_CHECKPOINT_KEYS = {
        r"^backbone\.final\.": "OneFormer3D's last 1x1 convolution, no part of ESAM",
    }

    def __init__(
        self,
        memory: dict,
        merge_head: dict,
        merge_criterion: dict,
        association: str = "voxels",
        least_score: float = 0.3,
        most: int | None = None,
        track_head: dict | None = None,
        track_criterion: dict | None = None,
        track_alone: bool = False,
        **single_view: Any,
    ) -> None:
        check_choice("association", association, RULES)
        tracks = track_head is not None
        if (track_criterion is not None) != tracks or (track_alone and not tracks):
            raise ValueError(
                "`track_criterion` and `track_alone` are of a `track_head`: got "
                f"track_head={track_head}, track_criterion={track_criterion}, "
                f"track_alone={track_alone}"
            )
        if "track_feats" in RULES[association].needs and not tracks:
            raise ValueError(
                f'`association` "{association}" needs a `track_head`, got None'
            )
        super().__init__(**single_view)
        self.scene_options = association, self.num_classes, least_score, most
        if self.tta:
            raise ValueError(
                "`tta` turns every frame for itself, and a memory of one world cannot "
                "follow. Leave it out of an online model"
            )
        self.memory = MODELS.build(memory)
        self.merge_head = MODELS.build(merge_head)
        self.merge_criterion = MODELS.build(merge_criterion)
        self.track_head = track_head and MODELS.build(track_head)
        self.track_criterion = track_criterion and MODELS.build(track_criterion)
        self.track_alone = track_alone
        if track_alone:
            self.requires_grad_(False)
            self.track_head.requires_grad_(True)
        levels = getattr(self.backbone, "level_channels", None)
        engine = self.backbone.engine.name
        if levels != self.memory.in_channels or engine != "torch":
            raise ValueError(
                f"`memory` of channels {self.memory.in_channels} needs a backbone that "
                f'takes one of these, on backend "torch", got channels {levels} on '
                f'"{engine}"'
            )

    def reset(self) -> None:
        """Forget earlier frames: other scenes follow."""
        self.memory.reset()
        if self.track_head is not None:
            self.track_head.reset()

    def train(self, mode: bool = True) -> "ScanNet200MixFormer3D_Online":
        """As of any module; what is not trained stays in evaluation mode."""
        super().train(mode and not self.track_alone)
        if self.track_alone:
            self.track_head.train(mode)
        return self

    def run_backbone(self, *inputs: Any, **options: Any) -> Any:
        """Features of voxels, with the memory."""
        return self.backbone(*inputs, **options, memory=self.memory)

    def loss(
        self, inputs: Sequence[dict], data_samples: Sequence[Sequence[Det3DDataSample]]
    ) -> dict[str, Tensor]:
        """Losses of a batch of sequences: sums over frames, and those of ids.

        Statistics are means over frames. Where tracking is trained alone, its losses.

        Args:
            inputs: By frame what the single-view detector takes, a scene each.
            data_samples: By frame and scene; rows of ``gt_instances_3d`` are the same
                instances in all frames, those that a frame does not show empty.
        """
        self.reset()
        terms, feats, tracks, inside = defaultdict(list), [], [], []
        for frame, samples in zip(inputs, data_samples, strict=True):
            if self.track_alone:
                _, pred, targets = self.with_targets(frame, samples)
            else:
                losses, pred, targets = self.frame_losses(frame, samples)
                for name, value in losses.items():
                    terms[name].append(value)
                lengths = [len(queries) for queries in pred["queries"]]
                feats.append(self.merge_head(torch.cat(pred["queries"])).split(lengths))
            tracks.append(pred.get("tracks"))
            inside.append([target.query_masks for target in targets])
        self.reset()
        total = {
            name: torch.stack(values).sum()
            if "loss" in name
            else torch.stack(values).mean()
            for name, values in terms.items()
        }
        if not self.track_alone:
            total |= self.merge_criterion(feats, inside)
        if self.track_head is not None:
            total |= self.track_criterion(tracks, inside)
        return total

    def _decode(self, frames: Frames, queries: list[Tensor]) -> dict:
        pred = super()._decode(frames, queries)
        if self.track_head is not None:
            pred["tracks"] = self.track_head(pred["queries"])
        return pred

    def predict(
        self,
        inputs: dict | Sequence[dict],
        data_samples: Sequence[Any],
    ) -> list[Det3DDataSample]:
        """Every frame for itself, as the single-view detector does; it forgets all.

        Of sequences, by frame as in :meth:`loss`, the last sample of each scene with
        the instances of all its frames, as :meth:`SceneInstances.result` has them.
        """
        self.reset()
        if isinstance(inputs, Mapping):
            samples = super().predict(inputs, data_samples)
        else:
            samples = self._scenes(inputs, data_samples)
        self.reset()
        return samples

    def _scenes(
        self, inputs: Sequence[dict], data_samples: Sequence[Sequence[Det3DDataSample]]
    ) -> list[Det3DDataSample]:
        scenes = [SceneInstances(*self.scene_options) for _ in data_samples[0]]
        for frame, samples in zip(inputs, data_samples, strict=True):
            found = self.step(frame, samples)
            for scene, points, sample in zip(scenes, frame["points"], found):
                superpoints = sample.gt_pts_seg.sp_pts_mask.cpu().numpy()
                xyz = points[:, :3].cpu().numpy()
                scene.add(xyz, superpoints, sample.pred_pts_seg)
        for scene, sample in zip(scenes, found):
            sample.pred_pts_seg = scene.result()
        return found

    def step(
        self, inputs: dict, data_samples: Sequence[Det3DDataSample]
    ) -> list[Det3DDataSample]:
        """The next frame of every scene, after those since :meth:`reset`.

        As :meth:`predict`, and ``pred_pts_seg`` also has ``instance_feats`` (I, D) unit
        vectors and, of a decoder with boxes, ``instance_boxes`` (I, 6): smallest and
        largest corner in metres; of a ``track_head`` ``instance_track_feats`` and
        ``instance_part_feats`` (I, D).
        """
        return super().predict(inputs, data_samples)

    def prediction(self, pred: dict, i: int, frames: Frames) -> PointData:
        found = super().prediction(pred, i, frames)
        queries = torch.from_numpy(found.instance_queries).to(frames.sp_feats[i].device)
        feats = self.merge_head(pred["queries"][i][queries])
        found.instance_feats = feats.cpu().numpy()
        if pred["bboxes"] is not None:
            boxes = pred["bboxes"][i][queries].float()
            centre = frames.sp_xyz[i][queries] + boxes[:, :3]
            found.instance_boxes = corners(centre, boxes[:, 3:]).cpu().numpy()
        if self.track_head is not None:
            instances, parts = pred["tracks"][i]
            found.instance_track_feats = instances[queries].cpu().numpy()
            found.instance_part_feats = parts[queries].cpu().numpy()
        return found
