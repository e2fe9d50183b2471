"""Weights of image networks: found, read safely, renamed for timm, loaded strictly."""

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from vantage3d.engine.checkpoints.file import check_hash, read_checkpoint, read_pickle
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.engine.errors import CheckpointError
from vantage3d.io.hub import from_hub
from vantage3d.io.released_weights import FOLDER, ReleasedWeights
from vantage3d.io.sidecars import file_hash

State = dict[str, Tensor]
Rename = Callable[[State], tuple[State, list[str]]]  # new names, notes
_ADVICE = "Take the file of this network, or name the network that the file is of"


def find_released(released: ReleasedWeights, weights: str | Path | None) -> Path:
    """The file with the weights of a network: given, in ``FOLDER``, or published.

    Args:
        released: The network.
        weights: A file; None looks into ``FOLDER`` and the package that has it, then
            asks the hub.

    Raises:
        FileNotFoundError: If ``weights`` is missing, or there are none anywhere; it
            says what to download and where to put it.
        ValueError: If the hash of a file that was found is not the published one.
    """
    name = released.name
    if weights is not None:
        given = Path(weights).expanduser()
        if not given.is_file():
            raise FileNotFoundError(
                f"weights {given} of {name} do not exist. {released.how_to_fetch()}"
            )
        return given
    if (path := released.local_file()) is not None:
        if released.sha256 not in ("-", found := file_hash(path)):
            raise ValueError(
                f"weights {path} of {name} are not the published file: their SHA-256 "
                f"is {found}, expected {released.sha256}. {released.how_to_fetch()}"
            )
        return path
    looked = f"no weights of {name}: {FOLDER} has none of {', '.join(released.files)}"
    if released.package:
        raise FileNotFoundError(
            f"{looked}, and the package {released.package} is not installed. "
            f"{released.how_to_fetch()}"
        )
    try:
        return from_hub(released.repo, released.hub_file)
    except ConnectionError as error:
        raise FileNotFoundError(
            f"{looked}, and {error}. {released.how_to_fetch()}"
        ) from error


def load_backbone(model: nn.Module, path: Path, rename: Rename) -> str:
    """Load a file into a network of timm; every key must fit.

    Args:
        model: The network.
        path: ``.safetensors``, or what ``torch.save`` wrote: a state dict, bare or
            under ``model`` or ``state_dict``.
        rename: Function from the file's names to timm's, with notes on what it left
            out.

    Returns:
        SHA-256 of the file.

    Raises:
        CheckpointError: If the file is damaged, holds no state dict, or keys do not
            fit; all of them are named.
    """
    state, notes = rename(_read(path))
    for note in notes:
        print_log(f"{path}: {note}", logger="current")
    load_weights(model, {"state_dict": state}, str(path), advice=_ADVICE)
    return file_hash(path)


def _read(path: Path) -> State:
    """The state dict of a file, without a wrapper or DDP's prefix."""
    if path.suffix == ".safetensors":
        content = read_checkpoint(path)["state_dict"]
    else:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
            if any(name.endswith("/constants.pkl") for name in names):
                raise CheckpointError(
                    f"weights {path} are a TorchScript program, as CLIP's authors "
                    "publish them, and loading would execute it. Where you trust it: "
                    "torch.save(torch.jit.load(FILE, 'cpu').state_dict(), NEW_FILE), "
                    "and give the new file"
                )
        check_hash(path)
        content = read_pickle(path)
    for key in ("model", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    is_mapping = isinstance(content, Mapping) and bool(content)
    if not (is_mapping and all(isinstance(v, Tensor) for v in content.values())):
        found = list(content)[:8] if isinstance(content, Mapping) else type(content)
        raise CheckpointError(
            f"weights {path} hold no state dict: expected names and tensors, bare or "
            f"under `model` or `state_dict`, found {found}. {_ADVICE}"
        )
    return {key.removeprefix("module."): value for key, value in content.items()}


def names_in_order(model: nn.Module) -> Rename:
    """The names of ``model`` for a file with the same tensors, in its order.

    Files with other tensors keep their names, so that loading tells what differs.
    """
    own = model.state_dict()

    def rename(state: State) -> tuple[State, list[str]]:
        shapes = [value.shape for value in state.values()]
        if shapes != [value.shape for value in own.values()]:
            return dict(state), []
        return dict(zip(own, state.values())), []

    return rename


def dinov2_names(state: State) -> tuple[State, list[str]]:
    """timm's names for a DINOv2 of its authors; timm's own files stay as they are."""
    state, notes = dict(state), []
    if state.pop("mask_token", None) is not None:
        notes.append("mask_token left out: only training uses it")
    if "register_tokens" in state:
        # timm adds the class token's position into it; registers have none.
        state["reg_token"] = state.pop("register_tokens")
        position = state["pos_embed"]
        state["cls_token"] = state["cls_token"] + position[:, :1]
        state["pos_embed"] = position[:, 1:]
    names = {r"\.mlp\.w12\.": ".mlp.fc1.", r"\.mlp\.w3\.": ".mlp.fc2."}
    for pattern, replacement in names.items():
        state = {re.sub(pattern, replacement, key): v for key, v in state.items()}
    return state, notes


_CLIP_NAMES: tuple[tuple[str, Any], ...] = (
    (r"^conv(\d)\.", r"stem.conv\1.conv."),
    (r"^bn(\d)\.", r"stem.conv\1.bn."),
    (r"\.downsample\.0\.", ".shortcut.conv.conv."),
    (r"\.downsample\.1\.", ".shortcut.conv.bn."),
    (r"^(layer.*)\.(conv|bn)1\.", r"\1.conv1_1x1.\2."),
    (r"^(layer.*)\.(conv|bn)2\.", r"\1.conv2_kxk.\2."),
    (r"^(layer.*)\.(conv|bn)3\.", r"\1.conv3_1x1.\2."),
    (r"^attnpool\.positional_embedding$", "head.pos_embed"),
    (r"^attnpool\.([qkv])_proj\.", r"head.\1."),
    (r"^attnpool\.c_proj\.", "head.proj."),
    (r"^layer(\d)", lambda stage: f"stages.{int(stage[1]) - 1}"),
)


def clip_names(state: State) -> tuple[State, list[str]]:
    """timm's names for CLIP's image network; timm's own files stay as they are."""
    visual = {
        key.removeprefix("visual."): value
        for key, value in state.items()
        if key.startswith("visual.")
    }
    if not visual:
        return dict(state), []
    notes = [f"{len(state) - len(visual)} keys of the text network left out"]
    for pattern, replacement in _CLIP_NAMES:
        visual = {re.sub(pattern, replacement, key): v for key, v in visual.items()}
    return visual, notes
