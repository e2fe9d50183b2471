"""Instances of RGB-D frames that nobody labelled."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from mmdet3d.structures.points import DepthPoints
from mmengine.dataset import Compose, pseudo_collate
from mmengine.logging import print_log
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from vantage3d.backbones2d.build import NAMES, RANDOM_WEIGHTS
from vantage3d.engine.errors import ConfigError
from vantage3d.engine.folding import fold_norms
from vantage3d.esam.converters.samples import (
    sample_generator,
    sample_points,
    superpoint_ids,
)
from vantage3d.esam.converters.segmenters import SegmenterOptions, build_segmenter
from vantage3d.geometry import scale_intrinsics
from vantage3d.inference import Group, Inferencer, InputFrame
from vantage3d.inference.frames import leave_out
from vantage3d.recordings.registration import register_color, register_labels
from vantage3d.registry import DATASETS, TRANSFORMS
from vantage3d.results.prediction import FramePrediction, Instances
from vantage3d.views.transform import nearest

# From a camera that is held level to a world whose z points up, as ScanNet's does.
LEVEL = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)
STORED = "LoadClipFeature"
# Steps of a config's pipeline that read files or need labels: what they make comes from
# the frame itself.
OF_FILES = {
    STORED,
    "LoadPointsFromFile_",
    "LoadAnnotations3D_",
    "LoadFrameImage",
    "SwapChairAndFloor",
    "SwapChairAndFloorWithRec",
    "PointSegClassMapping",
    "PointSegClassMappingWithRec",
    "AddSuperPointAnnotations",
    "AddSuperPointAnnotations_Online",
}
PACK_FRAMES, PACK = "Pack3DDetInputs_Online", "Pack3DDetInputs_"
OBJECT = ("object",)
BF16 = ("avx512_bf16", "amx_bf16")  # as torch.cpu.get_capabilities() says


class View(NamedTuple):
    """A frame on the pixels of its depth.

    Attributes:
        image: (h, w, 3) uint8 RGB as the depth camera would see it.
        depth: (h, w) metres, without what the colour camera does not see.
        K: (3, 3).
        superpoints: (h, w) ids, -1 where there is none.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    K: NDArray[np.float64]
    superpoints: NDArray[np.integer]


class RGBDSegmenter(Inferencer):
    """Instances, their scores and semantic classes of RGB-D frames.

    Each frame is segmented for itself: instances of two frames are not matched. The
    network knows which way is up: the world's +z, or what :class:`Footage` says of a
    recording; a frame without pose is taken for that of a level camera.

    Example:
        >>> from vantage3d.esam import RGBDSegmenter
        >>> scene = RGBDSegmenter("work_dirs/demo")("data/desk")  # doctest: +SKIP
        >>> scene.frames[0].instances.masks.shape  # doctest: +SKIP
        (12, 480, 640)

    Args:
        weights: As in :class:`Inferencer`.
        config: As in :class:`Inferencer`.
        device: As in :class:`Inferencer`.
        segmenter: Where superpoints come from.
        num_points: Points that are drawn of a frame; those of training by default.
        seed: Of that draw.
        bf16: Whether the network of voxels runs in half precision.

    Raises:
        ValueError: If the processor has no instructions for ``bf16``.
    """

    system = "esam"
    needs: ClassVar[dict[str, str]] = {
        "depth": "Record depth, or predict it: --depth-from vggt, or --depth-from "
        "FOLDER with .npz files of another network",
        "K": "Put the 3x3 matrix into intrinsic.txt beside the images",
    }

    def __init__(
        self,
        weights: str | Path | None = None,
        config: str | Path | None = None,
        device: str | None = None,
        segmenter: SegmenterOptions | None = None,
        num_points: int = 20000,
        seed: int = 0,
        bf16: bool = False,
    ) -> None:
        super().__init__(weights, config, device)
        self.bf16 = bf16
        if bf16:
            check_bf16(self.device)
        self.segmenter = segmenter or SegmenterOptions()
        self.num_points, self.seed = num_points, seed
        build_segmenter(self.segmenter)
        self._folded = False
        dataset = self.trained.dataset
        self.pipeline = _pipeline(_of_one_frame(dataset["pipeline"]))
        self.semantic_classes = tuple(DATASETS.get(dataset["type"]).METAINFO["classes"])
        things = self.trained.argument("num_classes")
        self.classes = OBJECT if things == 1 else self.semantic_classes[-things:]

    def model_changes(self) -> dict[str, Any]:
        """Features that training read from files are computed from the image."""
        network = _image_network(_of_one_frame(self.trained.dataset["pipeline"]))
        online = {"type": "OnlineFeatures", "backbone": network}
        return {} if network is None else {"image_features": online}

    @property
    def precision(self) -> str:
        return "bfloat16" if self.bf16 else "float32"

    @property
    def options(self) -> dict[str, Any]:
        return {
            "segmenter": asdict(self.segmenter),
            "num_points": self.num_points,
            "seed": self.seed,
            "bf16": self.bf16,
        }

    def groups(self, frames: Iterable[InputFrame], batch_size: int) -> Iterator[Group]:
        batch: list[InputFrame] = []
        for frame in frames:
            batch.append(frame)
            del frame
            if len(batch) == batch_size:
                yield Group(batch, len(batch))
                batch = []
        if batch:
            yield Group(batch, len(batch))

    @torch.no_grad()
    def predict(self, group: Group) -> list[FramePrediction]:
        ready = []
        for frame in group.frames:
            try:
                view = self._view(frame)
                ready.append((frame, view, self._draw(frame, view)))
            except ValueError as error:  # no depth, or none that colour sees
                leave_out(frame.name, error)
        if not ready:
            return []
        data = self._batch([drawn for _, _, drawn in ready])
        found = self.model(**data, mode="predict")
        return [
            self._prediction(*parts, sample.pred_pts_seg)
            for parts, sample in zip(ready, found)
        ]

    def origin(self, center: NDArray[np.float64]) -> NDArray[np.float64]:
        """(3,) place that the network counts from: the middle of the frame's points."""
        return center

    def _batch(self, drawn: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """What the model takes, of frames that were drawn."""
        batch = pseudo_collate([self.pipeline(dict(one)) for one in drawn])
        data = self.model.data_preprocessor(batch, training=False)
        if not self._folded:  # with the first frames, since images may have a part
            self._folded = True
            self._fold(data)
            if self.bf16:
                halve(self.model.backbone, self.device)
        return data

    def _fold(self, data: dict[str, Any]) -> None:
        """Fold the norms of any backbone that can be folded."""

        def run() -> torch.Tensor:
            self.model.reset()
            return torch.cat(self.model.extract_feat(**data).sp_feats)

        try:
            fold_norms(self.model, run)
        except ValueError as error:
            print_log(f"norms stay: {error}", "current", logging.WARNING)

    def _view(self, frame: InputFrame) -> View:
        """The frame on the pixels of its depth, and its superpoints."""
        if not frame.metric:
            _warn_of_units()
        depth, K = frame.depth, frame.of_depth
        assert depth is not None and K is not None  # of a frame that was checked
        own = _own_camera(frame, K)
        image, seen = register_color(
            frame.color, own, depth.astype(np.float32), K, frame.depth2color
        )
        segmenter = build_segmenter(self.segmenter)
        if own is not None and segmenter.of_color:
            labels = segmenter(frame.color, depth, frame.name)
            size = frame.color.shape[1::-1]
            label_map = register_labels(labels, own, size, seen, K, frame.depth2color)
        else:
            label_map = segmenter(image, seen, frame.name)
        if label_map.shape != depth.shape:
            label_map = nearest(label_map, *depth.shape)
        return View(image, seen, K, label_map)

    def _draw(self, frame: InputFrame, view: View) -> dict[str, Any]:
        """What the loading steps of the pipeline would have read."""
        rng = sample_generator(self.seed, frame.name)
        cam2world = _upright(frame)
        pixels, world, center = sample_points(
            view.depth, view.K, cam2world, self.num_points, rng
        )
        center = self.origin(center)
        xyz, rgb = world - center, view.image[pixels[:, 1], pixels[:, 0]]
        pose = cam2world.copy()
        pose[:3, 3] -= center
        points = np.concatenate([xyz, rgb], axis=1).astype(np.float32)
        results = {
            "sample_idx": frame.name,
            "points": DepthPoints(
                points, points_dim=6, attribute_dims={"color": [3, 4, 5]}
            ),
            "sp_pts_mask": superpoint_ids(view.superpoints, pixels, xyz, rng),
            "pixels": pixels,
            "pose": pose,
            "cam2img": view.K,
            "img_shape": view.depth.shape,
            "img": torch.from_numpy(frame.color.transpose(2, 0, 1).copy()),
        }
        if (own := _own_camera(frame, view.K)) is not None:
            results |= {"color_cam2img": own, "color_shape": frame.color.shape[:2]}
            if frame.depth2color is not None:
                results["depth2color"] = frame.depth2color
        return results

    def _prediction(
        self, frame: InputFrame, view: View, drawn: dict[str, Any], found: Any
    ) -> FramePrediction:
        """Masks of points become masks of pixels: that of the nearest point."""
        rows, columns = np.nonzero(view.depth > 0)
        z = view.depth[rows, columns].astype(np.float64)
        pixels = np.stack([columns, rows, np.ones_like(rows)], 1).astype(np.float64)
        places = (pixels @ np.linalg.inv(view.K).T) * z[:, None]
        own = drawn["pixels"]
        of_own = np.zeros(view.depth.shape, np.int64)
        of_own[rows, columns] = np.arange(len(rows))
        tree = cKDTree(places[of_own[own[:, 1], own[:, 0]]])
        nearest_point = np.full(view.depth.shape, len(own))  # of nothing: one too many
        nearest_point[rows, columns] = tree.query(
            places, workers=torch.get_num_threads()
        )[1]
        masks = np.pad(found.pts_instance_mask[0], ((0, 0), (0, 1)))
        whole = np.empty((len(masks), *view.depth.shape), bool)
        for of_points, of_pixels in zip(masks, whole):
            np.take(of_points, nearest_point, out=of_pixels, mode="clip")
        semantics = np.append(found.pts_semantic_mask[0], -1).astype(np.int16)
        order = np.argsort(-found.instance_scores, kind="stable")
        tracks = found.get("instance_tracks")
        instances = Instances(
            whole[order],
            found.instance_scores[order].astype(np.float32),
            found.instance_labels[order].astype(np.int64),
            self.classes,
            view.superpoints.astype(np.int32),
            semantics[nearest_point],
            self.semantic_classes,
            None if tracks is None else tracks[order],
        )
        return FramePrediction(
            frame.name,
            view.image,
            np.asarray(view.K, np.float64),
            view.depth,
            cam2world=frame.cam2world,
            timestamp=frame.timestamp,
            instances=instances,
            metric=frame.metric,
        )


def check_bf16(device: str) -> None:
    """Raise a ValueError where half precision would be many times slower."""
    known = torch.cpu.get_capabilities()
    if device == "cpu" and not any(known.get(name) for name in BF16):
        raise ValueError(
            f"bf16 needs a processor with one of {list(BF16)}, got "
            f"{known.get('cpu_name')} without: leave it out, or use a GPU"
        )


def halve(backbone: Any, device: str) -> None:
    """Run a network of voxels in bfloat16; what it takes and gives stays float32.

    Raises:
        ValueError: If its engine has no half precision.
    """
    if backbone.engine.name != "torch":
        raise ValueError(
            f'bf16 needs backend="torch", got {backbone.engine.name!r}: leave it out'
        )
    for layer in backbone.modules():
        if hasattr(layer, "kernel"):  # once, instead of in every pass
            layer.to(torch.bfloat16)
    run = torch.autocast(torch.device(device).type, torch.bfloat16)(backbone.forward)

    def forward(*inputs: Any) -> Any:
        voxels = run(*inputs)
        return voxels.replace(voxels.features.float())

    backbone.forward = forward


@cache
def _warn_of_units() -> None:
    """Once per process."""
    text = "depth is in the unit of the network that predicted it, and esam counts in "
    text += "metres: instances of another size than in training may be missed"
    print_log(text, logger="current", level=logging.WARNING)


def _upright(frame: InputFrame) -> NDArray[np.float64]:
    """(4, 4) from the camera to a world whose z points up."""
    if frame.cam2world is None:
        return LEVEL
    if frame.up is None:
        return frame.cam2world
    turn = np.eye(4)
    turn[:3, :3] = Rotation.align_vectors([(0, 0, 1)], [frame.up])[0].as_matrix()
    return turn @ frame.cam2world


def _own_camera(
    frame: InputFrame, K: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Intrinsics of the colour camera where that is not the depth camera."""
    if frame.K is None or frame.depth is None:
        return None
    (h, w), (H, W) = frame.depth.shape, frame.color.shape[:2]
    same = np.allclose(frame.K, scale_intrinsics(K, W / w, H / h))
    return None if same and frame.depth2color is None else frame.K


def _of_one_frame(steps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps of a pipeline, also where it is of sequences, done with a frame."""
    single = [own for step in steps for own in step.get("steps", [step])]
    return [
        {**step, "type": PACK} if step["type"] == PACK_FRAMES else step
        for step in single
    ]


def _image_network(steps: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Config of the network whose stored features a pipeline reads; None without.

    Raises:
        ConfigError: If nothing here computes them.
    """
    sources = [step["source"] for step in steps if step["type"] == STORED]
    if not sources:
        return None
    name, weights = sources[0]["model"], sources[0].get("weights")
    if name not in NAMES:
        raise ConfigError(
            f"the config reads stored features of {name!r}, and a new recording has "
            f"none. Of {', '.join(NAMES)} they would be computed: train with those"
        )
    return {
        "type": "FrozenImageBackbone",
        "name": name,
        "random_weights": weights == RANDOM_WEIGHTS,
        "layers": sources[0].get("layers") or None,
        "input_size": sources[0].get("input_size"),
    }


def _pipeline(steps: Iterable[dict[str, Any]]) -> Compose:
    """The steps of a config's pipeline that need no file and no label."""
    kept = [dict(step) for step in steps if step["type"] not in OF_FILES]
    for step in kept:
        if "keys" in step:
            step["keys"] = ["img" if k == "clip_pix" else k for k in step["keys"]]
    return Compose([TRANSFORMS.build(step) for step in kept])
