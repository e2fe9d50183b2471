"""ESAM on single RGB-D frames.

points -> voxels -> backbone -> point features -> GeoAwarePooling -> superpoints
-> ScanNetMixQueryDecoder -> masks of points, one query per superpoint.

Image features may join in the backbone's stem (stem fusion) or decoder (injection), on
its point features (fusion), or only teach it (distillation).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.model import BaseModel
from torch import Tensor

from vantage3d.esam.losses import FrameTargets, frame_targets
from vantage3d.esam.models.fusion.image_sampling import ImagePyramid
from vantage3d.esam.models.postprocess import build_postprocess, semantic_of_points
from vantage3d.esam.models.turns import TURNS, mean_answer, turned
from vantage3d.registry import MODELS
from vantage3d.sparse import Backend, floor_coordinates, voxelize


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


def join_superpoints(superpoints: Sequence[Tensor]) -> tuple[Tensor, list[int]]:
    """Superpoints of a batch, per frame (N,) int64 0..M-1, counted on.

    Returns:
        (sum N,) int64 superpoint of each point, 0..(sum M)-1, and the M of each frame.
    """
    counts = (torch.stack([ids.max() for ids in superpoints]) + 1).tolist()
    offsets = [sum(counts[:i]) for i in range(len(counts))]
    return torch.cat([ids + o for ids, o in zip(superpoints, offsets)]), counts


@runtime_checkable
class Backbone(Protocol):
    """All that the model asks of a network of voxels, a module registered in MODELS.

    One that also takes image features has ``injects`` True, ``image_channels`` C, and
    is called with an :class:`ImagePyramid` as second argument.

    Attributes:
        engine: Where its layers, and the sparse tensors that it is given, come from.
        out_channels: Channels of its result, those of pool and decoder.
    """

    engine: Backend
    out_channels: int

    def __call__(self, voxels: Any) -> Any:
        """Sparse tensor on the same voxels, rows in the same order.

        Args:
            voxels: Sparse tensor of ``engine`` with stride 1: the mean colour of the
                points inside each voxel, 3 channels.
        """


@MODELS.register_module()
class ScanNet200MixFormer3D(BaseModel):
    """Instances and semantic classes of the points of RGB-D frames.

    Args:
        voxel_size: Metres.
        num_classes: Instance classes of the predictions: those of the decoder, or 1 to
            merge them.
        query_thr: Smallest share of a frame's superpoints that become queries in
            training; the share is drawn between this and 1. All do in prediction.
        backbone: Config of a :class:`Backbone`, Res16UNet34C for one.
        pool: Config of GeoAwarePooling.
        decoder: Config of ScanNetMixQueryDecoder.
        criterion: Config of ScanNetMixedCriterion.
        image_features: Config of where image features come from, StoredFeatures for
            one; None for a model of points alone.
        fusion: Config of BiFusionEncoder, or None.
        stem_fusion: Config of StemFusion, or None.
        distillation: Config of FeatureDistillation, or None.
        test_cfg: Fields of InstancePostProcess.
        tta: Predict from eight flipped and turned copies of a frame, at eight times
            the time.
        data_preprocessor: Config; Det3DDataPreprocessor_ by default.
    """

    # Keys of released checkpoints that this model has no use for, with the reason.
    IGNORED_CHECKPOINT_KEYS = {
        r"^backbone\.final\.": "OneFormer3D's last 1x1 convolution, no part of ESAM",
        r"^memory\.": "memory of the online model",
        r"^merge_head\.": "merging of the online model",
        r"^decoder\.out_reg\.": "boxes of the online model",
        r"^track_head\.": "tracking of the online model",
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
        stem_fusion: dict | None = None,
        distillation: dict | None = None,
        test_cfg: dict | None = None,
        tta: bool = False,
        data_preprocessor: dict | None = None,
    ) -> None:
        preprocessor = data_preprocessor or {"type": "Det3DDataPreprocessor_"}
        super().__init__(MODELS.build(preprocessor))
        check_options(query_thr, num_classes, decoder["num_instance_classes"])
        self.voxel_size = voxel_size
        self.num_classes = num_classes
        self.query_thr = query_thr
        self.tta = tta
        self.backbone = MODELS.build(backbone)
        check_backbone(self.backbone, decoder["in_channels"])
        self.injects = getattr(self.backbone, "injects", False)
        self.pool = MODELS.build(pool)
        self.decoder = MODELS.build(decoder)
        self.criterion = MODELS.build(criterion)
        self.image_features = image_features and MODELS.build(image_features)
        self.fusion = fusion and MODELS.build(fusion)
        # The name is that of released checkpoints.
        self.conv = stem_fusion and MODELS.build(stem_fusion)
        self.distillation = distillation and MODELS.build(distillation)
        if self.distillation is None:
            self.IGNORED_CHECKPOINT_KEYS = {
                **self.IGNORED_CHECKPOINT_KEYS,
                **self.DISTILLED_CHECKPOINT_KEYS,
            }
        parts = {
            "backbone.injection": self.backbone if self.injects else None,
            "fusion": self.fusion,
            "stem_fusion": self.conv,
            "distillation": self.distillation,
        }
        check_image_channels(
            self.image_features and self.image_features.channels,
            {name: part and part.image_channels for name, part in parts.items()},
        )
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
        # Distorted positions, in voxels, place the points where there are some.
        xyz = [frame[:, :3] for frame in inputs["points"]]
        if "elastic_coords" in inputs:
            xyz = [coords * self.voxel_size for coords in inputs["elastic_coords"]]
        coordinates = floor_coordinates(xyz, self.voxel_size)
        colors = torch.cat([frame[:, 3:] for frame in inputs["points"]])
        means, row_of_point = voxelize(coordinates, colors)
        voxels = self.backbone.engine.tensor(means.features, means.coordinates)
        images, terms = None, {}
        if self.injects or self.fusion is not None or self.conv is not None:
            images = self.image_features(inputs, data_samples)
            terms["valid_projection_ratio"] = images.valid.float().mean()
        pyramid = images and ImagePyramid(images, coordinates)
        stem = (
            {} if self.conv is None else {"stem": partial(self.conv, pyramid=pyramid)}
        )
        own = [pyramid] if self.injects else []
        voxels = self.run_backbone(voxels, *own, **stem)
        feats = voxels.features.index_select(0, row_of_point)
        points = torch.cat(xyz).float()
        if self.fusion is not None:
            fused = self.fusion(feats, images)
            feats, terms = fused.feats, {**terms, **fused.terms}
        superpoints = [sample.gt_pts_seg.sp_pts_mask for sample in data_samples]
        ids, counts = join_superpoints(superpoints)
        sp_feats, sp_xyz, weights = self.pool(feats, ids, points)
        lengths = [len(frame) for frame in inputs["points"]]
        return Frames(
            points=list(torch.cat([points, feats], dim=1).split(lengths)),
            superpoints=superpoints,
            point_weights=list(weights.split(lengths)),
            sp_feats=list(sp_feats.split(counts)),
            sp_xyz=list(sp_xyz.split(counts)),
            voxels=voxels,
            coordinates=coordinates,
            terms=terms,
        )

    def reset(self) -> None:
        """Forget earlier frames, of which a single-view model remembers nothing."""

    def run_backbone(self, *inputs: Any, **options: Any) -> Any:
        """Features of voxels; an online model gives its memory as well."""
        return self.backbone(*inputs, **options)

    def loss(
        self, inputs: dict, data_samples: Sequence[Det3DDataSample]
    ) -> dict[str, Tensor]:
        """``inst_loss`` and ``seg_loss`` of a batch; the samples stay as they are.

        With images also the losses of their branch, and statistics for the log.
        """
        return self.frame_losses(inputs, data_samples)[0]

    def frame_losses(
        self, inputs: dict, data_samples: Sequence[Det3DDataSample]
    ) -> tuple[dict[str, Tensor], dict, list[FrameTargets]]:
        """Losses of a batch, the decoder's output and what it was trained towards."""
        frames, pred, targets = self.with_targets(inputs, data_samples)
        losses = self.criterion(pred, targets, self.decoder.mask_pred_mode)
        if self.distillation is not None:
            images = self.image_features(inputs, data_samples)
            pyramid = ImagePyramid(images, frames.coordinates)
            losses.update(self.distillation(frames.voxels, pyramid))
        return {**losses, **frames.terms}, pred, targets

    def with_targets(
        self, inputs: dict, data_samples: Sequence[Det3DDataSample]
    ) -> tuple[Frames, dict, list[FrameTargets]]:
        """Features, the output for queries drawn for training, and their truth."""
        frames = self.extract_feat(inputs, data_samples)
        query_ids = [select_queries(x, self.query_thr) for x in frames.sp_feats]
        queries = [feats[ids] for feats, ids in zip(frames.sp_feats, query_ids)]
        classes = self.criterion.num_semantic_classes
        targets = []
        for sample, ids, xyz in zip(data_samples, query_ids, frames.sp_xyz):
            instances = sample.gt_instances_3d
            targets.append(
                frame_targets(
                    instances.labels_3d,
                    instances.sp_masks,
                    sample.gt_pts_seg.pts_instance_mask,
                    ids,
                    classes,
                    boxes=instances.get("bboxes_3d"),
                    query_xyz=xyz[ids],
                )
            )
        return frames, self._decode(frames, queries), targets

    @torch.no_grad()
    def predict(
        self, inputs: dict, data_samples: Sequence[Det3DDataSample]
    ) -> list[Det3DDataSample]:
        """The samples with ``pred_pts_seg``, numpy arrays over the N points of each.

        ``pts_instance_mask`` [(I, N) bool], ``instance_labels`` (I,),
        ``instance_scores`` (I,), ``instance_queries`` (I,), the superpoint that each
        was found from, and ``pts_semantic_mask`` [(N,) int64].
        """
        answers = []
        for turn in TURNS if self.tta else TURNS[:1]:
            frames = self.extract_feat(*turned(inputs, data_samples, *turn))
            answers.append(self._decode(frames, frames.sp_feats))
        pred = mean_answer(answers) if self.tta else answers[0]
        for i, sample in enumerate(data_samples):
            sample.pred_pts_seg = self.prediction(pred, i, frames)
        return list(data_samples)

    def prediction(self, pred: dict, i: int, frames: Frames) -> PointData:
        """Instances and classes of the (N,) points of frame ``i``."""
        superpoints = frames.superpoints[i]
        quality = None if pred["scores"] is None else pred["scores"][i]
        logits = pred["masks"][i]
        if self.decoder.mask_pred_mode[-1] == "SP":
            logits = logits[:, superpoints]
        masks, labels, scores, queries = self.postprocess(
            pred["cls_preds"][i], logits, self.num_classes, quality
        )
        semantic = semantic_of_points(pred["sem_preds"][i], superpoints)
        return PointData(
            pts_semantic_mask=[semantic.cpu().numpy()],
            pts_instance_mask=[masks.cpu().numpy()],
            instance_labels=labels.cpu().numpy(),
            instance_scores=scores.cpu().numpy(),
            instance_queries=queries.cpu().numpy(),
        )

    def _decode(self, frames: Frames, queries: list[Tensor]) -> dict:
        return self.decoder(
            frames.sp_feats,
            frames.points,
            queries,
            frames.superpoints,
            frames.point_weights,
        )


def check_backbone(backbone: Any, channels: int) -> None:
    """Raise unless the network fulfils :class:`Backbone` and fits the decoder."""
    if not isinstance(backbone, Backbone):
        lacks = [a for a in ("engine", "out_channels") if not hasattr(backbone, a)]
        raise TypeError(
            f"`backbone` {type(backbone).__name__} has no {lacks}, which the Backbone "
            "of vantage3d.esam.models asks for. Set them in its constructor"
        )
    if backbone.out_channels != channels:
        raise ValueError(
            f"`backbone.out_channels` must be the decoder's `in_channels` {channels}, "
            f"got {backbone.out_channels}"
        )


def check_options(query_thr: float, num_classes: int, classes: int) -> None:
    """Raise ValueError unless the options are possible and fit the decoder."""
    if not 0 < query_thr <= 1:
        raise ValueError(f"`query_thr` must be in (0, 1], got {query_thr}")
    if num_classes not in (1, classes):
        raise ValueError(
            f"`num_classes` must be 1 or the decoder's num_instance_classes {classes}, "
            f"got {num_classes}"
        )


def check_image_channels(given: int | None, users: Mapping[str, int | None]) -> None:
    """Raise ValueError unless image features are there exactly where they are used.

    ``given`` are their channels, ``users`` those that a part of the model takes, or
    None, by its name.
    """
    wanted = {name: channels for name, channels in users.items() if channels}
    if set(wanted.values()) != ({given} if given else set()):
        raise ValueError(
            "`image_features` must be given where something uses them, with the "
            f"same channels: got channels {given}, the users want {wanted or 'none'}"
        )


def select_queries(sp_feats: Tensor, smallest: float) -> Tensor:
    """(Q,) int64 different superpoints of (M, C); torch's CPU generator resumes.

    Their share is drawn between the smallest and 1.
    """
    number = len(sp_feats)
    share = smallest + (1 - smallest) * float(torch.rand(1))
    ids = torch.randperm(number)[: math.ceil(share * number)]
    return ids.to(sp_feats.device)
