"""Instances of an RGB-D stream, frame by frame, that keep their ids."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmdet3d.structures import PointData
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.checks import check_choice, check_finite, check_positive
from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.esam.inference import RGBDSegmenter, View
from vantage3d.esam.models.voxel_blocks import VoxelBlocks
from vantage3d.esam.online.association import RULES, take_in
from vantage3d.esam.online.merged_superpoints import MergedSuperpoints
from vantage3d.esam.online.order import Moment, Order
from vantage3d.esam.online.stream_scene import StreamScene, scene_of
from vantage3d.esam.online.tracks import Tracks
from vantage3d.esam.online.vocabulary import Vocabulary
from vantage3d.esam.online.voxel_map import VOXEL_SIZE, VoxelMap
from vantage3d.geometry import unproject_pixels
from vantage3d.inference import Group, InputFrame
from vantage3d.inference.frames import checked, leave_out
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write
from vantage3d.io.matrices import check_rigid
from vantage3d.process.ahead import ahead
from vantage3d.results.prediction import FramePrediction
from vantage3d.results.scene_instances import LEAST_SCORE
from vantage3d.results.store import StoredFrames
from vantage3d.sparse import SparseTensor

KEPT = ("known", "times")  # of the memory, by level
OWN = ("association", "least_score", "most")
NO_MEMORY = (
    "Weights of a single view have no memory of earlier frames. Leave --config out and "
    "they run as they are; or train an online model from them: python tools/train.py "
    "configs/ESAM_online/ESAM_online_synthetic_CA.py --cfg-options load_from=WEIGHTS"
)
WORDS = {"feats": "vectors", "boxes": "boxes", "track_feats": "a tracker's vectors"}
STATE = Path(".predict", "frames", "stream.npz")  # gone with --overwrite


class StreamSegmenter(RGBDSegmenter):
    """Instances of a stream of posed RGB-D frames; each keeps its id.

    Of a single-view model the frames are segmented one by one; an online model also
    remembers what it saw. Either way a detection becomes an instance of the stream by
    ``association``. A frame that cannot be used leaves everything as it was:
    :meth:`step` raises, a recording goes on and counts it.

    Example:
        >>> from vantage3d.esam import StreamSegmenter
        >>> stream = StreamSegmenter("work_dirs/demo")  # doctest: +SKIP
        >>> found = stream.step(color, depth, K, cam2world)  # doctest: +SKIP
        >>> found.instances.tracks  # doctest: +SKIP
        array([0, 1, 2, 3])

    Args:
        weights: As in :class:`RGBDSegmenter`.
        config: As there.
        device: As there.
        association: "voxels", by the space that instances fill and their appearance,
            "box_iou", by boxes around their points alone,
            "legacy", by vectors and boxes of an online model as ESAM was released,
            "buffer", by these as AutoSeg3D describes it, or "tracking", the same by
            the vectors of a model with a ``track_head``.
        least_score: Detections below it are forgotten.
        most: Detections of a frame, the best ones; None for all.
        vocabulary: Names that instances get by their looks, in place of the classes
            of the model.
        **options: Others of :class:`RGBDSegmenter`.

    Attributes:
        skipped: Names of frames that could not be used, and why, since :meth:`reset`.
        viewer: Called with the stream and each frame that :meth:`stream` finds.
        save_every: Frames after which a stream into files saves its state, from which
            a killed one goes on.

    Raises:
        CheckpointError: If the weights are damaged, or the config is of an online model
            and the weights are not.
        ConfigError: If the model has not what the association needs.
    """

    viewer: Callable[["StreamSegmenter", FramePrediction], None] | None = None
    save_every = 50
    needs: ClassVar[dict[str, str]] = {
        **RGBDSegmenter.needs,
        "cam2world": "Ids are kept by place: give poses with the recording, or segment "
        "frames one by one with `predict esam`",
    }

    def __init__(
        self,
        weights: str | Path | None = None,
        config: str | Path | None = None,
        device: str | None = None,
        association: str = "voxels",
        least_score: float = LEAST_SCORE,
        most: int | None = None,
        vocabulary: Vocabulary | None = None,
        **options: Any,
    ) -> None:
        check_choice("association", association, RULES)
        if most is not None:
            check_positive("most", most, fix="Leave it out for all detections")
        super().__init__(weights, config, device, **options)
        self.association, self.rule = association, RULES[association]
        self.least_score, self.most = least_score, most
        self.vocabulary = vocabulary
        if vocabulary is not None:
            self.classes = vocabulary.names
            vocabulary.network.to(self.device)
        try:
            self.memory = getattr(self.model, "memory", None)
        except CheckpointError as error:
            if "memory.conv_d1" not in str(error):
                raise
            raise CheckpointError(f"{error}\n{NO_MEMORY}") from error
        self.track_head = getattr(self.model, "track_head", None)
        has = {
            "feats": self.memory is not None,
            "track_feats": self.track_head is not None,
            "boxes": self.model.decoder.out_reg is not None,
        }
        if lacking := [WORDS[name] for name in self.rule.needs if not has[name]]:
            raise ConfigError(
                f'association "{association}" needs {" and ".join(lacking)} of '
                f"instances, and {self.trained.cfg.model.type} of "
                f"{self.trained.cfg.filename} has none. Take weights of an online "
                "model (for a tracker's, of configs/ESAM_online/*_tracking.py), "
                'or association "voxels"'
            )
        self.reset()

    @property
    def options(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in OWN}
        if self.vocabulary is not None:
            own["vocabulary"] = self.vocabulary.key
        return {**super().options, **own}

    def reset(self) -> None:
        """Forget everything: another stream begins."""
        self.model.reset()
        self.tracks, self.map = Tracks(len(self.classes)), VoxelMap(VOXEL_SIZE)
        self.superpoints = MergedSuperpoints(VOXEL_SIZE)
        self.skipped: dict[str, str] = {}
        self.order, self._place = Order(), 0

    def step(
        self,
        color: NDArray[np.uint8],
        depth: NDArray[np.float32],
        K: NDArray[np.float64],
        cam2world: NDArray[np.float64],
        timestamp: float | None = None,
        **more: Any,
    ) -> FramePrediction:
        """The next frame; ``instances.tracks`` are the ids of its instances.

        Args:
            color: (H, W, 3) uint8 RGB.
            depth: (h, w) float32 z-depth in metres, 0 = missing.
            K: (3, 3) intrinsics in pixels of ``color``.
            cam2world: (4, 4) rigid, OpenCV axes, metres.
            timestamp: Seconds, later than that of the last frame.
            **more: Of :class:`InputFrame`; ``name`` is the number of the frame if not
                given.

        Raises:
            ValueError: If the frame cannot be used; everything is as before, but that
                a second frame at the place of a jump is used.
        """
        more |= {"cam2world": cam2world, "timestamp": timestamp}
        return self.frame(color, depth, K, **more)

    def frame(
        self,
        color: NDArray[np.uint8],
        depth: NDArray[np.float32] | None = None,
        K: NDArray[np.float64] | None = None,
        **more: Any,
    ) -> FramePrediction:
        """As :meth:`step`: a stream has no frames for themselves."""
        values = {"name": f"{self._place:06d}", "color": color, "depth": depth, "K": K}
        return self._step(checked(InputFrame(**{**values, **more})))

    def stream(
        self,
        frames: Iterable[InputFrame],
        batch_size: int = 1,
        store: StoredFrames | None = None,
    ) -> Iterator[FramePrediction]:
        """Predictions of a whole stream from its first frame on, in order.

        Superpoints of the next frame are made in a thread. Frames that cannot be used
        are told, counted in ``skipped`` and left out. A stream that was killed goes on
        where its state was last saved, beside the frames of ``store``.

        Raises:
            ValueError: If frames that were finished then are others now.
        """
        self.reset()
        state = None if store is None else store.folder.parent / STATE
        if state is not None and state.is_file():
            self.load(state)
        finished, numbers = self._place + len(self.skipped), count()

        def view_of(frame: InputFrame) -> View | None:
            return None if next(numbers) < finished else self._view_if_whole(frame)

        for number, (frame, view) in enumerate(ahead(frames, view_of)):
            if number < finished:
                if frame.name not in self.skipped:
                    yield self._again(frame, store)
                continue
            try:
                found = self._step(frame, view.result)
            except ValueError as error:
                self.skipped[frame.name] = str(error)
                leave_out(frame.name, error)
                continue
            if store is not None and state is not None:
                store.write(found, self._key_of(Group([frame], 1)))
                if self._place % self.save_every == 0:
                    self.save(state)
            if self.viewer is not None:
                self.viewer(self, found)
            yield found
        if state is not None:
            self.save(state)

    def _view_if_whole(self, frame: InputFrame) -> View | None:
        """As :meth:`_view`; None of a frame that :meth:`_check` will refuse."""
        lacks = any(getattr(frame, name) is None for name in self.needs)
        return None if lacks else self._view(frame)

    def _again(self, frame: InputFrame, store: StoredFrames | None) -> FramePrediction:
        """The prediction of a frame before the one that a stream goes on from.

        Raises:
            ValueError: If it was made of something else.
        """
        assert store is not None
        found = store.finished(frame.name, self._key_of(Group([frame], 1)))
        if found is None:
            raise ValueError(
                f"{store.path(frame.name)} is missing, damaged or of another image, "
                f"and the stream goes on after {self._place} frames that all count. "
                "--overwrite (overwrite=True) begins it again"
            )
        return found

    def scene(self) -> StreamScene:
        """What was found so far."""
        return scene_of(self.tracks, self.map, self.owners(), self.classes)

    def owners(self) -> NDArray[np.int32]:
        """(V,) instance of each voxel of ``map``, decided by merged superpoint."""
        return self.superpoints.decided(self.map.owners)

    def origin(self, center: NDArray[np.float64]) -> NDArray[np.float64]:
        """An online model counts from the world's origin in all frames."""
        return center if self.memory is None else np.zeros(3)

    @torch.no_grad()
    def _step(
        self, frame: InputFrame, view_of: Callable[[], View | None] | None = None
    ) -> FramePrediction:
        """The next frame; ``view_of`` gives its view where that is made already."""
        now = self._check(self.check_frame(frame))
        view = view_of() if view_of is not None else self._view(frame)
        assert view is not None  # of a frame that has all it needs
        drawn = self._draw(frame, view)
        data = self._batch([drawn])
        found = (self.model.predict if self.memory is None else self.model.step)(**data)
        of_points = self._tracked(frame, view, drawn, found[0].pred_pts_seg)
        self._place += 1
        self.order.go_on(now)
        return self._prediction(frame, view, drawn, of_points)

    def _check(self, frame: InputFrame) -> Moment:
        """When and where a frame was taken that continues the stream.

        Raises:
            ValueError: If the pose is not rigid or jumps, time goes back, or an array
                is not finite.
        """
        assert frame.cam2world is not None and frame.depth is not None
        check_rigid(frame.cam2world, f"of frame {frame.name}")
        check_finite("K", frame.of_depth)
        check_finite("depth", frame.depth, fix="Set missing depth to 0")
        time = np.nan if frame.timestamp is None else frame.timestamp
        now = Moment(frame.cam2world[:3, 3].astype(np.float64), float(time))
        self.order.check(frame.name, now)
        return now

    def _tracked(
        self,
        frame: InputFrame,
        view: View,
        drawn: dict[str, Any],
        found: PointData,
    ) -> PointData:
        """The frame's instances with their ids, added to what is known."""
        pixels = drawn["pixels"]
        z = view.depth[pixels[:, 1], pixels[:, 0]].astype(np.float64)
        places = pixels.astype(np.float64)
        points = unproject_pixels(places, z, view.K, frame.cam2world)
        superpoints, limits = drawn["sp_pts_mask"], (self.least_score, self.most)
        detections = self.rule.detections(found, points, superpoints, *limits)
        if self.vocabulary is not None:
            shares = self.vocabulary.shares(view.image, pixels, detections.masks)
            detections = detections._replace(labels=shares.argmax(1), shares=shares)
        detections, ids = take_in(
            self.rule, detections, self.tracks, self.map, self._place
        )
        self.superpoints.add(points, superpoints)
        return PointData(
            pts_semantic_mask=found.pts_semantic_mask,
            pts_instance_mask=[detections.masks],
            instance_labels=detections.labels,
            instance_scores=detections.scores,
            instance_tracks=ids,
        )

    def _fold(self, data: dict[str, Any]) -> None:
        kept = {} if self.memory is None else {n: getattr(self.memory, n) for n in KEPT}
        queries = self.track_head and self.track_head.known
        super()._fold(data)
        self.model.reset()
        for name, levels in kept.items():
            setattr(self.memory, name, levels)
        if self.track_head is not None:
            self.track_head.known = queries

    def parts(self) -> dict[str, Tracks | VoxelMap]:
        """What is known, by name in a file of :meth:`save`."""
        return {
            "tracks": self.tracks,
            "map": self.map,
            "superpoints": self.superpoints,
        }

    def save(self, path: str | Path) -> None:
        """Write everything that the next frame depends on into an ``.npz`` file."""
        arrays: dict[str, Any] = {
            "key": self.key,
            "place": self._place,
            "order": self.order.array,
            "skipped": np.array(list(self.skipped.items()), np.str_).reshape(-1, 2),
        }
        for part, of in self.parts().items():
            arrays |= {f"{part}.{name}": getattr(of, name) for name in of.NAMES}
        for name in KEPT if self.memory is not None else ():
            for i, level in enumerate(getattr(self.memory, name)):
                if level is not None:
                    arrays[f"{name}.{i}.features"] = level.features.cpu().numpy()
                    arrays[f"{name}.{i}.coordinates"] = level.coordinates.cpu().numpy()
                    arrays[f"{name}.{i}.stride"] = level.stride
        if self.track_head is not None and self.track_head.known is not None:
            arrays["queries"] = self.track_head.known[0].cpu().numpy()
        atomic_write(path, partial(np.savez, **arrays))

    def load(self, path: str | Path) -> None:
        """Go on where :meth:`save` was called, bit for bit.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged, or of other weights, options or version.
        """
        arrays = load_arrays(path, "stream", "Begin the stream again")
        if (key := str(arrays.get("key"))) != self.key:
            raise ValueError(
                f"stream {path} was saved with other weights or options (key "
                f"{key:.12}, this one has {self.key:.12}). Load it into a "
                "StreamSegmenter of the same weights, segmenter, num_points, seed and "
                "association"
            )
        parts = self.parts().items()
        names = [f"{part}.{name}" for part, of in parts for name in of.NAMES]
        if lacking := [name for name in names if name not in arrays]:
            raise ValueError(
                f"stream {path} has no {', '.join(lacking)}: another version saved it. "
                "Begin the stream again (run_stream.py --overwrite)"
            )
        self.reset()
        self._place, self.order = int(arrays["place"]), Order.of_array(arrays["order"])
        self.skipped = {str(name): str(why) for name, why in arrays["skipped"]}
        for part, of in self.parts().items():
            of.restore({name: arrays[f"{part}.{name}"] for name in of.NAMES})
        for name in KEPT if self.memory is not None else ():
            levels = getattr(self.memory, name)
            for i in range(len(levels)):
                if f"{name}.{i}.stride" in arrays:
                    rows, at = (
                        torch.from_numpy(arrays[f"{name}.{i}.{of}"]).to(self.device)
                        for of in ("features", "coordinates")
                    )
                    stride = int(arrays[f"{name}.{i}.stride"])
                    voxels = SparseTensor(rows, at, stride)
                    levels[i] = VoxelBlocks(voxels) if name == "known" else voxels
        if "queries" in arrays:
            rows = torch.from_numpy(arrays["queries"]).to(self.device)
            self.track_head.known = [rows]
        text = (
            f"stream goes on after {self._place} frames, {len(self.tracks)} instances"
        )
        print_log(text, "current", logging.INFO)
