"""Info files that also name the feature file of every frame's image."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from vantage3d.io.infos import load_info, save_info

ON_MISSING = ("error", "skip")


@dataclass(frozen=True)
class ClipOptions:
    """Where feature files lie, and what to do about frames that have none.

    Attributes:
        feature_root: Folder that holds ``<scene>/<frame>.<form>``; ``clip_feat`` in the
            folder of the info files if None.
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


def pack_clip(infos: list[Path], out_dir: Path, options: ClipOptions) -> None:
    """Write ``<info><suffix>.json`` beside each info file, or none of them.

    Every entry gets ``clip_feat_path``, relative to ``out_dir``.

    Raises:
        ValueError: If feature files are missing and may not be, or an info file would
            be left without samples.
    """
    root, packed = options.feature_root or out_dir / "clip_feat", []
    for path in infos:
        info = load_info(path)
        entries: list[dict[str, Any]] = []
        missing: dict[str, Path] = {}
        for entry in info["data_list"]:
            feature = root / feature_path(entry, options.feature_form)
            if feature.is_file():
                relative = os.path.relpath(feature.resolve(), out_dir.resolve())
                entries.append({**entry, "clip_feat_path": relative})
            else:
                missing[entry["sample_idx"]] = feature
        target = path.with_name(f"{path.stem}{options.clip_suffix}{path.suffix}")
        if missing and (options.on_missing != "skip" or not entries):
            idx, feature = next(iter(missing.items()))
            advice = "give their folder with --feature-root"
            if entries:
                advice = "leave such frames out with --on-missing skip"
            raise ValueError(
                f"{len(missing)} of {len(info['data_list'])} samples for {target} have "
                f"no feature file, first {idx}: {feature} is missing. Extract features "
                f"with tools/extract_*.py, or {advice}. No {options.clip_suffix} file "
                "was written"
            )
        packed.append((target, info["metainfo"], entries, missing))
    for target, metainfo, entries, missing in packed:
        save_info(target, metainfo, entries)
        print_log(
            f"{target}: {len(entries)} samples with features, {len(missing)} skipped",
            logger="current",
        )
        for idx, feature in missing.items():
            print_log(f"skipped {idx}: {feature} is missing", logger="current")


def feature_path(entry: dict[str, Any], form: str) -> Path:
    """``<scene>/<frame>.<form>`` of an entry; the frame is named after its image."""
    frame = Path(entry["img_path"]).stem
    scene = entry["sample_idx"].removesuffix(f"_{frame}")
    return Path(scene) / f"{frame}.{form}"
