"""Which network made feature maps: said by the folder, compared with the config."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vantage3d.io.checksums import read_sealed

MANIFEST = "extraction.json"
ANY_WEIGHTS = "*"  # but random ones
RANDOM = "random-"  # begins the name of weights that nobody trained
REMAKE = "Extract the features again with tools/extract_*.py, or correct the config."
_EXAMPLE = (
    '{"model": "dinov2_vits14", "weights": SHA-256 of its file, "layers": [11], '
    '"patch": 14, "channels": 384, "input_size": null}'
)
_TOLD = ("model", "weights", "layers", "patch", "channels", "input_size")


def read_made_by(folder: Path) -> dict[str, Any]:
    """What the manifest of a folder of feature files says of all of them.

    Returns:
        ``model``, ``weights``, ``layers``, ``patch``, ``channels`` and ``input_size``,
        the (W, H) that images are made to fit into, None for their own size.

    Raises:
        ValueError: If there is no manifest, or it is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(
            f"{folder} has no {MANIFEST}: nothing says which network made its bare "
            "tensors, and those of another one would be used without a word. Extract "
            f"them with tools/extract_*.py, or write it: {_EXAMPLE}"
        )
    found = read_sealed(path, "manifest of features", REMAKE)
    missing = [key for key in _TOLD if key not in found]
    if missing:
        raise ValueError(f"{path} lacks {missing}, expected {_EXAMPLE}. {REMAKE}")
    return {key: found[key] for key in _TOLD}


def check_made_by(
    name: str, made_by: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    """Compare what a folder's manifest says with what the config expects.

    Args:
        name: What the features are called in messages.
        made_by: As :func:`read_made_by` returns it.
        expected: Attributes of a :class:`~vantage3d.io.features.FeatureSource`.

    Raises:
        ValueError: As :func:`check_facts`.
    """
    box = made_by["input_size"]
    input_size = fitted_size(tuple(expected["image_size"]), box and tuple(box))
    layers = tuple(made_by["layers"])
    facts = {**made_by, "layers": layers, "input_size": input_size}
    check_facts(name, facts, {key: expected[key] for key in _TOLD})


def check_facts(
    name: str, facts: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    """Compare facts about features by key.

    Of ``expected``, :data:`ANY_WEIGHTS` stands for all weights but random ones, and no
    layers for any.

    Raises:
        ValueError: If one is another, or weights are random and nobody allowed it.
    """
    for key, value in expected.items():
        found = facts[key]
        if key == "weights" and value == ANY_WEIGHTS:
            if str(found).startswith(RANDOM):
                raise ValueError(
                    f"{name} has random weights ({found!r}): its values mean nothing. "
                    "Extract with the network's weights, or allow it for a test: "
                    f"weights={found!r} in `source`"
                )
        elif (key != "layers" or value) and found != value:
            text = f"{name} has {key} {found!r}, expected {value!r}"
            raise ValueError(f"{text}. {REMAKE}")


def fitted_size(
    image_size: tuple[int, int], box: tuple[int, int] | None
) -> tuple[int, int]:
    """(W, H) of an image scaled in proportion to fit into ``box``, None for its own."""
    if box is None:
        return image_size
    scale = min(new / old for new, old in zip(box, image_size))
    width, height = (max(1, round(size * scale)) for size in image_size)
    return width, height
