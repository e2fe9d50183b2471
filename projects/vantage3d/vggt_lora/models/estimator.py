"""VGGT as the Runner trains it: base weights, adapters, losses, predictions."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import MessageHub, print_log
from mmengine.model import BaseModel
from torch import Tensor

from vantage3d.checks import check_choice
from vantage3d.engine.errors import ConfigError
from vantage3d.engine.optim import matching
from vantage3d.geometry.pose_encoding import decode_pose
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.models.adapters import Adapters, LoraSettings, base_alone
from vantage3d.vggt_lora.models.vggt import VGGT, load_vggt

PRECISIONS = ("float32", "bfloat16")


@MODELS.register_module()
class VGGTEstimator(VGGT, BaseModel):
    """VGGT with what training needs; its weights have VGGT's names.

    The constructor builds the network, loads the base strictly, freezes, and injects
    LoRA, in this order: optimizer and checkpoints come after it, so no layer is ever
    trained or evaluated on a base that was not loaded.

    Without ``lora`` its state dict is VGGT's. With it, the state dict has the adapters
    alone, and each checkpoint comes with a folder that plain peft reads.

    Args:
        base_weights: File with VGGT's weights, the work dir of a run that trained
            them, or "hub" (see :func:`load_vggt`); None leaves them random.
        freeze: Patterns (``fnmatch``) of modules whose parameters are not trained.
        lora: Arguments of :class:`LoraSettings`; None trains what is not frozen.
        criterion: Config of the losses; None for inference.
        precision: "bfloat16" runs the network under autocast.
        predict_base: Predict also without the adapters, for a comparison.
        **net: Arguments of :class:`VGGT`.

    Raises:
        CheckpointError: If the base or an adapter does not fit.
        ConfigError: If a pattern matches nothing, or there are no adapters to leave
            out.
    """

    def __init__(
        self,
        base_weights: str | None = None,
        freeze: Sequence[str] = (),
        lora: Mapping[str, Any] | None = None,
        criterion: Mapping[str, Any] | None = None,
        precision: str = "float32",
        predict_base: bool = False,
        **net: Any,
    ) -> None:
        super().__init__(**net)
        check_choice("precision", precision, PRECISIONS)
        if predict_base and lora is None:
            raise ConfigError(
                "`model.predict_base` must be False without `model.lora`, got True: "
                "the base is all there is"
            )
        self.precision, self.predict_base = precision, predict_base
        self._random = base_weights is None
        if base_weights is not None:
            load_vggt(self, base_weights)
        self.register_load_state_dict_pre_hook(_has_weights)
        names = [name for name, _ in self.named_modules() if name]
        for name in matching(freeze, names, "freeze"):
            self.get_submodule(name).requires_grad_(False)
        self.adapters = None
        if lora is not None:
            self.adapters = Adapters(self, LoraSettings(**lora))
            self.export = self.adapters.write  # the runner calls it with each save
        self.criterion = None if criterion is None else MODELS.build(dict(criterion))

    def init_weights(self) -> None:
        """Nothing: MMEngine calls this after the constructor has loaded the weights."""

    def forward(  # type: ignore[override]
        self,
        inputs: Mapping[str, Tensor],
        data_samples: Sequence[Mapping] | None = None,
        mode: str = "tensor",
    ) -> Any:
        """Losses, predictions or the network's outputs.

        Args:
            inputs: Collated samples, of which ``images`` is (B, S, 3, H, W) in [0, 1];
                ``mode="loss"`` needs the whole contract.
            data_samples: Names of the samples; not used.
            mode: "loss", "predict" or "tensor".

        Returns:
            "loss": scalars by name. "predict": see :func:`predictions`; with
            ``predict_base`` the same again with ``base_`` in place of ``pred_``.
            "tensor": VGGT's dictionary.
        """
        images = inputs["images"]
        outputs = self._outputs(images)
        if mode == "tensor":
            return outputs
        if mode == "loss":
            assert self.criterion is not None
            return self.criterion(outputs, inputs, progress=training_progress())
        size = images.shape[-2], images.shape[-1]
        found = predictions(outputs, size)
        if self.predict_base:
            with base_alone(self):
                before = predictions(self._outputs(images), size, "base")
            found = [ours | base for ours, base in zip(found, before)]
        return found

    def _outputs(self, images: Tensor) -> dict[str, Any]:
        if self._random:
            self._random = False
            text = "base_weights=None and no checkpoint: the network has random weights"
            print_log(text, "current", logging.WARNING)
        half = self.precision == "bfloat16"
        with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
            return super().forward(images)


def _has_weights(estimator: VGGTEstimator, *_: Any) -> None:
    estimator._random = False


def training_progress() -> float:
    """Share of the training that is done, 0 to 1; 0 outside a run."""
    hub = MessageHub.get_current_instance()
    last = hub.get_info("max_iters", 0)
    return min(hub.get_info("iter", 0) / last, 1.0) if last else 0.0


def predictions(
    outputs: Mapping[str, Tensor], image_size: tuple[int, int], prefix: str = "pred"
) -> list[dict[str, Tensor]]:
    """What metrics and pictures read of each sample.

    Args:
        outputs: What VGGT returned for B samples.
        image_size: (H, W) pixels.
        prefix: First word of the keys.

    Returns:
        B dictionaries, lengths in the network's unit: ``pred_depth`` and
        ``pred_depth_conf`` (S, H, W); with a camera head ``pred_world2cam`` (S, 4, 4)
        and ``pred_K`` (S, 3, 3).
    """
    found = {}
    if "depth" in outputs:
        found[f"{prefix}_depth"] = outputs["depth"][..., 0]
        found[f"{prefix}_depth_conf"] = outputs["depth_conf"]
    if "pose_enc" in outputs:
        world2cam, K = decode_pose(outputs["pose_enc"], image_size)
        # The released centre (W / 2, H / 2) counts pixels from their corners.
        K[..., :2, 2] -= 0.5
        found[f"{prefix}_world2cam"], found[f"{prefix}_K"] = world2cam, K
    samples = len(next(iter(found.values())))
    return [{key: value[i] for key, value in found.items()} for i in range(samples)]
