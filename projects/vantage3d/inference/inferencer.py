"""What a system's predictor is: MMEngine's inferencer conventions over recordings."""

import hashlib
import json
import logging
import tempfile
import webbrowser
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sized
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.inference.frames import Footage, InputFrame, checked, footage_of
from vantage3d.inference.trained import find_trained
from vantage3d.io.atomic import remove_temporaries
from vantage3d.io.manifest import open_manifest
from vantage3d.io.names import public_name
from vantage3d.io.prediction_files import FRAMES
from vantage3d.io.run_facts import RUN, made_by
from vantage3d.process.machine import chosen_device
from vantage3d.process.progress import track
from vantage3d.results.outputs import save
from vantage3d.results.prediction import FramePrediction, ScenePrediction
from vantage3d.results.store import StoredFrames

WORDS = {"depth": "depth", "K": "intrinsics", "cam2world": "pose"}


class Group(NamedTuple):
    """Frames that a network sees at once.

    Attributes:
        frames: All of them.
        answers: How many of the first are predicted; the others are looked at.
    """

    frames: list[InputFrame]
    answers: int


class Inferencer(ABC):
    """From frames to predictions, with trained weights.

    A system says which frames its network sees at once (:meth:`groups`) and what it
    says about them (:meth:`predict`). The network is loaded when a frame needs it, so
    that a finished recording needs none.

    Args:
        weights: A checkpoint, or the work dir of a run; None where the config names all
            weights.
        config: Its config; the one beside the checkpoint if not given.
        device: Where the network runs; a GPU where there is one if not given.

    Raises:
        CheckpointError: If the weights are missing.
        ConfigError: If there is no config, or it is another system's.
        ValueError: If torch has no such device.
    """

    system: ClassVar[str]
    changes: ClassVar[Mapping[str, Any]] = {}  # of the model, for prediction
    # Field of InputFrame that every frame must have -> what to do where it is missing.
    needs: ClassVar[Mapping[str, str]] = {}
    least_frames: ClassVar[int] = 1

    def __init__(
        self,
        weights: str | Path | None = None,
        config: str | Path | None = None,
        device: str | None = None,
    ) -> None:
        self.trained = find_trained(weights, config, self.system)
        self.device = chosen_device(device)
        self._changes = self.model_changes()

    @cached_property
    def model(self) -> Any:
        """The network with its weights.

        Raises:
            CheckpointError: If the weights are damaged or of another model.
        """
        return self.trained.build(**self._changes).to(self.device)

    def model_changes(self) -> Mapping[str, Any]:
        """Arguments of the model that prediction has otherwise than the config."""
        return self.changes

    @classmethod
    def check(cls, footage: Footage) -> None:
        """Look at the first frame of a recording, before weights are read.

        Raises:
            ValueError: If it lacks what the network needs, or there are too few frames.
        """
        if not len(footage):
            raise ValueError(
                f"{footage.recording.root}, {footage.sequence}, has no frames. Record "
                "it again, or copy it again if it had some"
            )
        if len(footage) < cls.least_frames:
            raise ValueError(
                f"{footage.recording.root}, {footage.sequence}, has {len(footage)} "
                f"frame, and {cls.system} needs at least {cls.least_frames}, taken "
                "from different places"
            )
        cls.check_frame(next(iter(footage)))

    @classmethod
    def check_frame(cls, frame: InputFrame) -> InputFrame:
        """The frame.

        Raises:
            ValueError: If it lacks what the network needs.
        """
        for name, remedy in cls.needs.items():
            if getattr(frame, name) is None:
                raise ValueError(
                    f"frame {frame.name} has no {WORDS[name]}, which {cls.system} "
                    f"needs. {remedy}"
                )
        return frame

    @property
    def options(self) -> dict[str, Any]:
        """What else decides the predictions, plain values by name."""
        return {}

    @property
    def precision(self) -> str:
        """In which the network runs, as torch calls it."""
        return "float32"

    @property
    def key(self) -> str:
        """A hash of all that decides the predictions but the frames."""
        model = self.trained.cfg.model.to_dict()
        made_by = [self.system, self.trained.digest, model, self.options]
        text = json.dumps(made_by, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    @abstractmethod
    def groups(self, frames: Iterable[InputFrame], batch_size: int) -> Iterator[Group]:
        """The frames in groups; each is an answer of one group, in order.

        Args:
            frames: In order of time; held no longer than a group needs them.
            batch_size: How many groups of the smallest size go through at once.
        """

    @abstractmethod
    def predict(self, group: Group) -> list[FramePrediction]:
        """Predictions of the first ``answers`` frames of a group."""

    def stream(
        self,
        frames: Iterable[InputFrame],
        batch_size: int = 1,
        store: StoredFrames | None = None,
    ) -> Iterator[FramePrediction]:
        """Predictions in order of the frames, as soon as they are known.

        Args:
            frames: In order of time, for example of a camera or a :class:`Footage`.
            batch_size: As in :meth:`groups`.
            store: Where predictions are kept; what it has of the same frames, weights
                and options is not computed again.
        """
        for group in self.groups(map(self.check_frame, frames), batch_size):
            key, done = "", None
            if store is not None:
                key = self._key_of(group)
                done = _finished(store, group, key)
            for prediction in done or self.predict(group):
                if store is not None and done is None:
                    store.write(prediction, key)
                yield prediction

    def __call__(
        self,
        inputs: Any,
        batch_size: int = 1,
        out_dir: str | Path | None = None,
        show: bool = False,
        sequence: str | None = None,
        overwrite: bool = False,
    ) -> ScenePrediction:
        """Predict a whole recording.

        Args:
            inputs: Path of a recording in any layout, a recording, or frames.
            batch_size: As in :meth:`groups`.
            out_dir: Folder of the scene's files: each frame is written to its
                ``frames`` when it is known and read again when it is asked for, and a
                killed call goes on where it was. None keeps all frames in memory.
            show: Open a page of the scene in a browser.
            sequence: Of a recording that has several.
            overwrite: Forget what ``out_dir`` has of another recording, other weights
                or other options, which is an error else.

        Raises:
            CheckpointError: If the weights are damaged or of another model.
            ValueError: If a frame lacks what the network needs, no frame can be used,
                or ``out_dir`` holds something else.
        """
        frames, name, made_of = footage_of(inputs, sequence), "frames", {}
        if isinstance(frames, Footage):
            name, made_of = public_name(frames.sequence), frames.made_of
            self.check(frames)
        store = None
        if out_dir is not None:
            if not StoredFrames(Path(out_dir) / FRAMES):
                _ = self.model  # weights that do not fit leave nothing behind
            self._open(Path(out_dir), made_of, overwrite)
            store = StoredFrames(Path(out_dir) / FRAMES, (), self._made_by())
        total = len(frames) if isinstance(frames, Sized) else None
        kept: list[FramePrediction] = []
        names = []
        for found in track(self.stream(frames, batch_size, store), total, name):
            names.append(found.name)
            if store is None:
                kept.append(found)
        found_frames = kept if store is None else StoredFrames(store.folder, names)
        scene = ScenePrediction(name, found_frames)
        if show:
            folder = tempfile.mkdtemp() if out_dir is None else out_dir
            (page,) = save(scene, Path(folder), ["html"])
            if not webbrowser.open(page.resolve().as_uri()):
                text = f"no browser could be opened; the page is {page.resolve()}"
                print_log(text, logger="current", level=logging.WARNING)
        return scene

    def frame(
        self,
        color: NDArray[np.uint8],
        depth: NDArray[np.float32] | None = None,
        K: NDArray[np.float64] | None = None,
        **more: Any,
    ) -> FramePrediction:
        """Predict one frame.

        Args:
            color: (H, W, 3) uint8 RGB.
            depth: (h, w) float32 metres, 0 = missing.
            K: (3, 3) intrinsics in pixels of ``color``.
            **more: Of :class:`InputFrame`.

        Raises:
            ValueError: If it lacks what the network needs, or has no valid depth.
        """
        values = {"name": "frame", "color": color, "depth": depth, "K": K, **more}
        found = next(self.stream([checked(InputFrame(**values))]), None)
        if found is None:
            raise ValueError("the frame cannot be predicted: the warning says why")
        return found

    def _open(self, folder: Path, made_of: dict[str, Any], overwrite: bool) -> None:
        """Refuse a folder of another recording, other weights or other options."""
        made_with = {
            "system": self.system,
            "weights": f"{self.trained.checkpoint} (sha256 {self.trained.digest:.12})",
            **made_of,
            **{name: str(value) for name, value in self.options.items()},
        }
        state = folder / ".predict" / "frames"
        overwrite |= not StoredFrames(folder / FRAMES)  # nothing is there to be mixed
        open_manifest(state, made_with, overwrite, "--out")
        for own in (folder, folder / FRAMES, state):
            remove_temporaries(own)
        if overwrite:
            (folder / RUN).unlink(missing_ok=True)

    def _made_by(self) -> dict[str, Any]:
        return made_by(
            self.precision,
            self.device,
            system=self.system,
            weights=self.trained.checkpoint,
            weights_sha256=self.trained.digest,
            options=self.options,
        )

    def _key_of(self, group: Group) -> str:
        parts = [self.key, *(frame.digest for frame in group.frames)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _finished(
    store: StoredFrames, group: Group, key: str
) -> list[FramePrediction] | None:
    """Predictions of a group that are all there already."""
    found = [store.finished(f.name, key) for f in group.frames[: group.answers]]
    whole = [prediction for prediction in found if prediction is not None]
    return whole if len(whole) == len(found) else None
