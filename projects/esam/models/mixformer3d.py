"""ESAM on single RGB-D frames.

points -> voxels -> Res16UNet34C -> point features -> GeoAwarePooling -> superpoints
-> ScanNetMixQueryDecoder -> masks of points, one query per superpoint.

Image features may join in the backbone's decoder (injection), on its point features
(fusion), or only teach it (distillation).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.model import BaseModel
from torch import Tensor

from projects.common.sparse import floor_coordinates, voxelize
from projects.esam.losses import FrameTargets, frame_targets
from projects.esam.models.postprocess import InstancePostProcess, semantic_of_points
from projects.esam.models.pyramid import ImagePyramid
from projects.registry import MODELS


@dataclass(frozen=True)
class Frames:
    """Features of a batch of frames; lists with one entry per frame.

    Attributes:
        points: (N, 3 + C) metres and features of each point.
        superpoints: (N,) int64 superpoint of each point.
        point_weights: (N, 1) weight of each point in its superpoint.
        sp_feats: (M, C) features of each superpoint.
        sp_xyz: (M, 3) centre of each superpoint in metres.
        voxels: Sparse tensor of the backbone, all frames.
        coordinates: (sum N, 4) int32 voxel of each point.
        terms: Losses and statistics of the image branch by name.
    """

    points: list[Tensor]
    superpoints: list[Tensor]
    point_weights: list[Tensor]
    sp_feats: list[Tensor]
    sp_xyz: list[Tensor]
    voxels: Any
    coordinates: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)


@MODELS.register_module()
class ScanNet200MixFormer3D(BaseModel):
    """Instances and semantic classes of the points of RGB-D frames.

    Args:
        voxel_size: Metres.
        num_classes: Instance classes of the predictions: those of the decoder, or 1 to
            merge them.
        query_thr: Smallest share of a frame's superpoints that become queries in
            training; the share is drawn between this and 1. All do in prediction.
        backbone: Config of Res16UNet34C.
        pool: Config of GeoAwarePooling.
        decoder: Config of ScanNetMixQueryDecoder.
        criterion: Config of ScanNetMixedCriterion.
        image_features: Config of where image features come from, StoredFeatures for
            one; None for a model of points alone.
        fusion: Config of BiFusionEncoder, or None.
        distillation: Config of FeatureDistillation, or None.
        train_cfg: Must be empty; there are no further training options.
        test_cfg: Fields of InstancePostProcess.
        data_preprocessor: Config; Det3DDataPreprocessor_ by default.
        init_cfg: As in MMEngine.
    """

    # Keys of released checkpoints that this model has no use for, with the reason.
    IGNORED_CHECKPOINT_KEYS = {
        r"^backbone\.final\.": "OneFormer3D's last 1x1 convolution, no part of ESAM",
        r"^memory\.": "memory of the online model",
        r"^merge_head\.": "merging of the online model",
        r"^decoder\.out_reg\.": "boxes of the online model",
    }
    DISTILLED_CHECKPOINT_KEYS = {
        r"^distillation\.": "its teacher's head, which only training uses",
    }

    def __init__(
        self,
        voxel_size: float,
        num_classes: int,
        query_thr: float,
        backbone: dict,
        pool: dict,
        decoder: dict,
        criterion: dict,
        image_features: dict | None = None,
        fusion: dict | None = None,
        distillation: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        preprocessor = data_preprocessor or {"type": "Det3DDataPreprocessor_"}
        super().__init__(MODELS.build(preprocessor), init_cfg)
        _check_options(query_thr, num_classes, decoder, train_cfg)
        self.voxel_size = voxel_size
        self.num_classes = num_classes
        self.query_thr = query_thr
        self.backbone = MODELS.build(backbone)
        self.pool = MODELS.build(pool)
        self.decoder = MODELS.build(decoder)
        self.criterion = MODELS.build(criterion)
        self.image_features = image_features and MODELS.build(image_features)
        self.fusion = fusion and MODELS.build(fusion)
        self.distillation = distillation and MODELS.build(distillation)
        if self.distillation is None:
            self.IGNORED_CHECKPOINT_KEYS = {
                **self.IGNORED_CHECKPOINT_KEYS,
                **self.DISTILLED_CHECKPOINT_KEYS,
            }
        self._check_images()
        self.postprocess = build_postprocess(test_cfg)

    def forward(
        self,
        inputs: dict,
        data_samples: Sequence[Det3DDataSample],
        mode: str = "tensor",
    ) -> dict | list[Det3DDataSample]:
        """Run on a batch of frames that may differ in size.

        Args:
            inputs: ``points``, per frame (N, 6) metres and normalised colour; in
                training also ``elastic_coords``, per frame (N, 3) in voxels.
            data_samples: Per frame; ``gt_pts_seg.sp_pts_mask`` (N,) is always read.
            mode: "loss" for losses, "predict" for samples with ``pred_pts_seg``,
                "tensor" for the decoder's output.

        Raises:
            ValueError: If ``mode`` is none of these.
        """
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "predict":
            return self.predict(inputs, data_samples)
        if mode == "tensor":
            frames = self.extract_feat(inputs, data_samples)
            return self._decode(frames, frames.sp_feats)
        raise ValueError(f"`mode` must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def extract_feat(
        self, inputs: dict, data_samples: Sequence[Det3DDataSample]
    ) -> Frames:
        """Point and superpoint features of a batch."""
        points = inputs["points"]
        xyz = [frame[:, :3] for frame in points]
        if "elastic_coords" in inputs:
            xyz = [coords * self.voxel_size for coords in inputs["elastic_coords"]]
        coordinates = floor_coordinates(xyz, self.voxel_size)
        xyz = torch.cat(xyz).float()
        voxels, row_of_point = voxelize(
            coordinates, torch.cat([frame[:, 3:] for frame in points])
        )
        voxels = self.backbone.engine.tensor(voxels.features, voxels.coordinates)
        images, pyramid, terms = None, None, {}
        if self.backbone.injects or self.fusion is not None:
            images = self.image_features(inputs, data_samples)
            terms["valid_projection_ratio"] = images.valid.float().mean()
        if self.backbone.injects:
            pyramid = ImagePyramid(images, coordinates)
        voxels = self.backbone(voxels, pyramid)
        feats = voxels.features[row_of_point]
        if self.fusion is not None:
            fused = self.fusion(feats, images)
            feats, terms = fused.feats, {**terms, **fused.terms}

        superpoints = [sample.gt_pts_seg.sp_pts_mask for sample in data_samples]
        counts = (torch.stack([ids.max() for ids in superpoints]) + 1).tolist()
        offsets = [sum(counts[:i]) for i in range(len(counts))]
        ids = torch.cat([ids + o for ids, o in zip(superpoints, offsets)])
        sp_feats, sp_xyz, weights = self.pool(feats, ids, xyz)
        lengths = [len(frame) for frame in points]
        return Frames(
            points=list(torch.cat([xyz, feats], dim=1).split(lengths)),
            superpoints=superpoints,
            point_weights=list(weights.split(lengths)),
            sp_feats=list(sp_feats.split(counts)),
            sp_xyz=list(sp_xyz.split(counts)),
            voxels=voxels,
            coordinates=coordinates,
            terms=terms,
        )

    def loss(
        self, inputs: dict, data_samples: Sequence[Det3DDataSample]
    ) -> dict[str, Tensor]:
        """``inst_loss`` and ``seg_loss`` of a batch; the samples stay as they are.

        With images also the losses of their branch, and statistics for the log.
        """
        frames = self.extract_feat(inputs, data_samples)
        query_ids = [self._select_queries(feats) for feats in frames.sp_feats]
        queries = [feats[ids] for feats, ids in zip(frames.sp_feats, query_ids)]
        targets = [
            self._targets(sample, ids, xyz)
            for sample, ids, xyz in zip(data_samples, query_ids, frames.sp_xyz)
        ]
        pred = self._decode(frames, queries)
        losses = self.criterion(pred, targets, self.decoder.mask_pred_mode)
        if self.distillation is not None:
            images = self.image_features(inputs, data_samples)
            pyramid = ImagePyramid(images, frames.coordinates)
            losses.update(self.distillation(frames.voxels, pyramid))
        return {**losses, **frames.terms}

    @torch.no_grad()
    def predict(
        self, inputs: dict, data_samples: Sequence[Det3DDataSample]
    ) -> list[Det3DDataSample]:
        """The samples with ``pred_pts_seg``, numpy arrays over the N points of each.

        ``pts_instance_mask`` [(I, N) bool], ``instance_labels`` (I,),
        ``instance_scores`` (I,) and ``pts_semantic_mask`` [(N,) int64].
        """
        frames = self.extract_feat(inputs, data_samples)
        pred = self._decode(frames, frames.sp_feats)
        for i, sample in enumerate(data_samples):
            quality = None if pred["scores"] is None else pred["scores"][i]
            logits = pred["masks"][i]
            if self.decoder.mask_pred_mode[-1] == "SP":
                logits = logits[:, frames.superpoints[i]]
            masks, labels, scores, _ = self.postprocess(
                pred["cls_preds"][i], logits, self.num_classes, quality
            )
            semantic = semantic_of_points(pred["sem_preds"][i], frames.superpoints[i])
            sample.pred_pts_seg = PointData(
                pts_semantic_mask=[semantic.cpu().numpy()],
                pts_instance_mask=[masks.cpu().numpy()],
                instance_labels=labels.cpu().numpy(),
                instance_scores=scores.cpu().numpy(),
            )
        return list(data_samples)

    def _check_images(self) -> None:
        """Image features are configured exactly where something uses them."""
        users = {
            "backbone.injection": self.backbone.image_channels,
            "fusion": self.fusion and self.fusion.image_channels,
            "distillation": self.distillation and self.distillation.image_channels,
        }
        users = {name: channels for name, channels in users.items() if channels}
        given = self.image_features and self.image_features.channels
        if set(users.values()) != ({given} if given else set()):
            raise ValueError(
                "`image_features` must be given where something uses them, with the "
                f"same channels: got channels {given}, the users want {users or 'none'}"
            )

    def _decode(self, frames: Frames, queries: list[Tensor]) -> dict:
        return self.decoder(
            frames.sp_feats,
            frames.points,
            queries,
            frames.superpoints,
            frames.point_weights,
        )

    def _select_queries(self, sp_feats: Tensor) -> Tensor:
        """(Q,) random superpoints; drawn from torch's CPU generator, which resumes."""
        number = len(sp_feats)
        share = self.query_thr + (1 - self.query_thr) * float(torch.rand(1))
        ids = torch.randperm(number)[: math.ceil(share * number)]
        return ids.to(sp_feats.device)

    def _targets(
        self, sample: Det3DDataSample, query_ids: Tensor, sp_xyz: Tensor
    ) -> FrameTargets:
        instances = sample.gt_instances_3d
        return frame_targets(
            instances.labels_3d,
            instances.sp_masks,
            sample.gt_pts_seg.pts_instance_mask,
            query_ids,
            self.criterion.num_semantic_classes,
            boxes=instances.get("bboxes_3d"),
            query_xyz=sp_xyz[query_ids],
        )


def build_postprocess(test_cfg: dict | None) -> InstancePostProcess:
    """Post-processing with the options of ``test_cfg``.

    Raises:
        ValueError: If an option is unknown.
    """
    options = dict(test_cfg or {})
    known = sorted(InstancePostProcess.__dataclass_fields__)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"`test_cfg` has unknown options {unknown}; known are {known}")
    return InstancePostProcess(**options)


def _check_options(
    query_thr: float, num_classes: int, decoder: dict, train_cfg: dict | None
) -> None:
    if not 0 < query_thr <= 1:
        raise ValueError(f"`query_thr` must be in (0, 1], got {query_thr}")
    classes = decoder["num_instance_classes"]
    if num_classes not in (1, classes):
        raise ValueError(
            f"`num_classes` must be 1 or the decoder's num_instance_classes {classes}, "
            f"got {num_classes}"
        )
    if train_cfg:
        raise ValueError(f"`train_cfg` must be empty, got options {sorted(train_cfg)}")
