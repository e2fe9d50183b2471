"""Info files that also name the feature file of every frame's image."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log

from vantage3d.io.infos import load_info, save_info

ON_MISSING = ("error", "skip")


@dataclass(frozen=True)
class ClipOptions:
    """Where feature files lie, and what to do about frames that have none.

    Attributes:
        feature_root: Holds ``<scene>/<frame>.<form>``; ``clip_feat`` in the folder of
            the info files if None.
        feature_form: ``pt`` or ``safetensors``.
        on_missing: ``error``, or ``skip`` to leave such frames out.
        clip_suffix: What is added to the name of an info file.
    """

    feature_root: Path | None = None
    feature_form: str = "pt"
    on_missing: str = "error"
    clip_suffix: str = "_clip"

    def __post_init__(self) -> None:
        if not self.clip_suffix or "/" in self.clip_suffix:
            raise ValueError(
                f"--clip-suffix {self.clip_suffix!r} would write over the info file or "
                "into another folder, expected something like _clip"
            )


class _Packed(NamedTuple):
    """An info file with features: entries that have one, and paths that are missing."""

    path: Path
    metainfo: dict[str, Any]
    entries: list[dict[str, Any]]
    missing: dict[str, Path]


def pack_clip(infos: list[Path], out_dir: Path, options: ClipOptions) -> None:
    """Write ``<info><suffix>.json`` beside each info file, or none of them.

    Every entry gets ``clip_feat_path``, relative to ``out_dir``.

    Args:
        infos: Info files of :func:`vantage3d.esam.converters.convert.convert`.
        out_dir: The dataset's folder.
        options: Where the features are.

    Raises:
        ValueError: If feature files are missing and may not be, or an info file would
            be left without samples.
    """
    packed = [_pack(path, out_dir, options) for path in infos]
    for result in packed:
        _check_missing(result, options)
    for path, metainfo, entries, missing in packed:
        save_info(path, metainfo, entries)
        print_log(
            f"{path}: {len(entries)} samples with features, {len(missing)} skipped",
            logger="current",
        )
        for idx, feature in missing.items():
            print_log(f"skipped {idx}: {feature} is missing", logger="current")


def _pack(path: Path, out_dir: Path, options: ClipOptions) -> _Packed:
    info = load_info(path)
    root = options.feature_root or out_dir / "clip_feat"
    entries, missing = [], {}
    for entry in info["data_list"]:
        feature = root / feature_path(entry, options.feature_form)
        if feature.is_file():
            relative = os.path.relpath(feature.resolve(), out_dir.resolve())
            entries.append({**entry, "clip_feat_path": relative})
        else:
            missing[entry["sample_idx"]] = feature
    target = path.with_name(f"{path.stem}{options.clip_suffix}{path.suffix}")
    return _Packed(target, info["metainfo"], entries, missing)


def feature_path(entry: dict[str, Any], form: str) -> Path:
    """``<scene>/<frame>.<form>`` of an entry; the frame is named after its image."""
    frame = Path(entry["img_path"]).stem
    scene = entry["sample_idx"].removesuffix(f"_{frame}")
    return Path(scene) / f"{frame}.{form}"


def _check_missing(packed: _Packed, options: ClipOptions) -> None:
    path, _, entries, missing = packed
    if not missing or (options.on_missing == "skip" and entries):
        return
    idx, feature = next(iter(missing.items()))
    advice = "or leave such frames out with --on-missing skip" if entries else "or give"
    raise ValueError(
        f"{len(missing)} of {len(missing) + len(entries)} samples for {path} have no "
        f"feature file, first {idx}: {feature} is missing. Extract features with "
        f"tools/extract_*.py, {advice}"
        + ("" if entries else " their folder with --feature-root")
        + f". No {options.clip_suffix} file was written"
    )
