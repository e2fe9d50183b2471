"""Single-view ScanNet datasets: one sample is one RGB-D frame as a point cloud."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from vantage3d.esam.datasets.annotations import AddSuperPointAnnotations
from vantage3d.io.checksums import warn_unchecked
from vantage3d.io.feature_identity import MANIFEST, read_made_by
from vantage3d.io.infos import load_info
from vantage3d.io.manifest import differences
from vantage3d.io.names import check_public
from vantage3d.io.paths import check_path, inside
from vantage3d.io.points import read_labels
from vantage3d.io.scannet_classes import (
    NYU40_CLASSES,
    SCANNET20_CLASSES,
    SCANNET20_IDS,
    SCANNET200_CLASSES,
    SCANNET200_IDS,
)
from vantage3d.process.seeding import SeededSamples, seeded
from vantage3d.registry import DATASETS
from vantage3d.visualization.instances import distinct_colours

PREFIXED = {
    "lidar_path": "pts",
    "pts_semantic_mask_path": "pts_semantic_mask",
    "pts_instance_mask_path": "pts_instance_mask",
    "super_pts_path": "sp_pts_mask",
    "pixels_path": "pixels",
}
PATHS = {*PREFIXED, "img_path", "clip_feat_path"}
CAMERA = ("cam2img", "img_shape")
NEEDED = ["lidar_points", *(k for k in PREFIXED if k.startswith(("pts", "super")))]


def _check_known(name: str, given: dict | None, known: Iterable[str]) -> None:
    unknown = sorted(set(given or {}) - set(known))
    if unknown:
        raise ValueError(f"nobody reads {unknown} of `{name}`. Known: {sorted(known)}.")


class SingleViewDataset(SeededSamples, BaseDataset):
    """Frames listed in an info file that ``tools/create_data.py`` wrote.

    The file layout is the one of ``data/README.md``; legacy pickled info files are read
    without executing code. ``seg_label_mapping`` takes raw semantic ids to class
    indices, and every id without a class to the number of classes.

    Args:
        metainfo: Replaces entries of ``METAINFO``.
        data_prefix: Folder below ``data_root`` of each kind of file.
        serialize_data: Whether workers share one pickled list of the entries.
        extra_roots: Folders beside ``data_root``, and those that the info file declares
            as its ``roots``, in which images and features may lie.
        camera: ``cam2img`` (3 rows of 3, pixels of the depth image) and ``img_shape``
            (H, W) of entries that have neither, as in legacy files: one camera for all.
        **kwargs: Of MMEngine's ``BaseDataset``.

    Raises:
        FileNotFoundError: If ``data_root`` or the info file is missing.
        ValueError: If the info file lists no sample, lacks a key, was made for other
            classes, has a name that is no public id or a path that leads out of the
            folders; if nobody reads a key of ``metainfo`` or ``data_prefix``.
    """

    METAINFO: dict = {}
    LABEL_COLUMN = "id"  # of ScanNet's label table, whose ids the files have

    def __init__(
        self,
        metainfo: dict | None = None,
        data_prefix: dict | None = None,
        serialize_data: bool = False,
        extra_roots: Sequence[str] = (),
        camera: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if camera is not None and set(camera) != set(CAMERA):
            raise ValueError(
                f"`camera` must have {list(CAMERA)}, got {sorted(camera)}: a camera is "
                "both, its intrinsics and the size of its image"
            )
        self.camera = camera
        _check_known("metainfo", metainfo, self.METAINFO)
        _check_known("data_prefix", data_prefix, PREFIXED.values())
        self.extra_roots = extra_roots
        ids = self.METAINFO["seg_valid_class_ids"]
        number = len(self.METAINFO["seg_all_class_ids"])
        self.seg_label_mapping = np.full(number + 1, len(ids), dtype=np.int64)
        self.seg_label_mapping[list(ids)] = np.arange(len(ids))
        super().__init__(
            metainfo=metainfo,
            data_prefix=data_prefix or {},
            serialize_data=serialize_data,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Entries of the info file with absolute paths."""
        root = Path(self.data_root or ".")
        if not root.is_dir():
            raise FileNotFoundError(
                f"`data_root` {root} does not exist. Prepare it with "
                "`python tools/create_data.py ...` (data/README.md lists the commands) "
                "or give another folder with `--data-root`."
            )
        info = load_info(self.ann_file)
        metainfo, entries = info["metainfo"], info["data_list"]
        kinds, prefixes = PREFIXED.items(), self.data_prefix
        self.folders = dict.fromkeys(PATHS, str(root))
        self.folders |= {key: prefixes[kind] for key, kind in kinds if kind in prefixes}
        for folder in metainfo.get("roots", ()):
            check_path(folder, f"{self.ann_file}: `roots` of its metainfo")
        extra = [*metainfo.get("roots", ()), *map(os.path.abspath, self.extra_roots)]
        self.roots = [*{*self.folders.values()}, *(root / folder for folder in extra)]
        # Ids of another class table would be read as those of this one. Legacy files
        # have no label column, and categories of their own.
        known = set(self.METAINFO["classes"])
        if metainfo.get("label_column", self.LABEL_COLUMN) != self.LABEL_COLUMN:
            raise ValueError(
                f"{self.ann_file} was made for {len(metainfo['categories'])} classes "
                f"(dataset {metainfo.get('dataset')!r}), {type(self).__name__} has "
                f"{len(known)} others. Use the converter that belongs to this dataset "
                "class (data/README.md), or another config."
            )
        if not entries:
            raise ValueError(
                f"{self.ann_file} lists no sample. Write it again with "
                "`python tools/create_data.py ...`."
            )
        for index, entry in enumerate(entries):
            self.check_entry(index, entry)
        self._features = metainfo.get("features")
        found = [self.parse_data_info(entry) for entry in entries]
        first = frames_of(found[0])[0]
        if "crc32" not in first:
            warn_unchecked(f"info file {self.ann_file}", "checksums of arrays")
        if first.get("clip_feat_path", "").endswith(".pt"):
            self._check_features(Path(first["clip_feat_path"]).parents[1])
        return found

    def check_entry(self, index: int, entry: dict) -> None:
        """Raise a ValueError unless an entry of the info file is one of a frame."""
        missing = [key for key in NEEDED if key not in entry]
        points = entry.get("lidar_points")
        if not missing and not (isinstance(points, dict) and "lidar_path" in points):
            missing = ["lidar_points.lidar_path"]
        if missing:
            name = entry.get("sample_idx", "unnamed")
            raise ValueError(
                f"{self.ann_file}: entry {index} ({name}) has no {missing}. Write "
                "the file again with `python tools/create_data.py ...`."
            )

    def _check_features(self, folder: Path) -> None:
        """What made the features of ``folder`` has not changed since they were packed.

        Legacy files do not say what made them; the folder does.

        Raises:
            ValueError: If it has.
        """
        if not (folder / MANIFEST).is_file():
            return
        if self._features is None:
            self._features = read_made_by(folder)
        if changed := differences(self._features or {}, read_made_by(folder)):
            raise ValueError(
                f"the features in {folder} were made otherwise after {self.ann_file} "
                f"was packed: {changed}. Pack again with `tools/create_data.py ... "
                "--pack-clip`"
            )

    def parse_data_info(self, info: dict) -> dict:
        """Joins every path of ``info`` with its prefix; adds the sample's name."""
        info["lidar_path"] = info["lidar_points"]["lidar_path"]
        name = info.get("sample_idx", Path(str(info["lidar_path"])).stem)
        where = f"{self.ann_file}: entry {name!r:.80}"
        check_public(name, where)
        for key in PATHS & info.keys():
            check_path(info[key], where)
            info[key] = str(Path(self.folders[key], info[key]))
            if ".." in info[key] or info[key].startswith("/"):
                inside("", info[key], where, self.roots)
        info["sample_name"] = info["sample_idx"] = name
        if self.camera is not None and not any(key in info for key in CAMERA):
            info |= self.camera
        info["seg_label_mapping"] = self.seg_label_mapping
        if self.test_mode:
            info["eval_ann_info"] = {"lidar_idx": info["sample_idx"]}
        return info

    def lacks_targets(self) -> str:
        """Why there is no instance to learn in any sample; empty if there is one."""
        for index in range(len(self)):
            frames = frames_of(self.get_data_info(index))
            ids = (read_labels(frame["pts_instance_mask_path"]) for frame in frames)
            if any((i > 0).any() for i in ids) and self._has_things(index):
                return ""
        return (
            f"none of the {len(self)} samples of {self.ann_file} has an instance of a "
            "class that counts. Look at `named_instances_mean` in the converter's "
            "report_train.json, and convert with labels"
        )

    def _has_things(self, index: int) -> bool:
        """Whether an instance of a sample is left when classes are known."""
        results = self.get_data_info(index)
        with seeded(0):
            for transform in self.pipeline.transforms:
                results = transform(results)
                if isinstance(transform, AddSuperPointAnnotations):
                    return bool((results["pts_instance_mask"] >= 0).any())
        return True

    def get_cat_ids(self, idx: int) -> list[str]:
        """What ``ClassBalancedDataset`` balances: the scene of a frame."""
        return [self.get_data_info(idx)["sample_idx"].rpartition("_")[0]]

    def get_data_info(self, idx: int) -> dict:
        """Entry ``idx``; ``sample_idx`` is the sample's name, not MMEngine's index."""
        info = super().get_data_info(idx)
        info["sample_idx"] = name = info.pop("sample_name")
        for frame in frames_of(info):
            # Links may lead out; they are looked at when they are read.
            for key in PATHS & frame.keys():
                inside("", frame[key], f"{self.ann_file}: entry {name!r}", self.roots)
            if self._features is not None:
                frame["features"] = self._features
        return info


def frames_of(info: dict) -> list[dict]:
    """The frames of a parsed entry: those of a scene, or the frame that it is."""
    return info.get("frames", [info])


@DATASETS.register_module()
class ScanNet200SegDataset_(SingleViewDataset):  # released config name
    """ScanNet200: 2 stuff classes, 198 things; raw ids of the combined label file."""

    METAINFO = {
        "classes": SCANNET200_CLASSES,
        "seg_valid_class_ids": SCANNET200_IDS,
        "seg_all_class_ids": tuple(range(1, 1358)),
        "palette": distinct_colours(len(SCANNET200_CLASSES)).tolist(),
    }


@DATASETS.register_module()
class ScanNetSegDataset_(SingleViewDataset):  # released config name
    """ScanNet: 2 stuff classes, 18 things; NYU40 ids."""

    LABEL_COLUMN = "nyu40id"
    METAINFO = {
        "classes": SCANNET20_CLASSES,
        "seg_valid_class_ids": SCANNET20_IDS,
        "seg_all_class_ids": tuple(range(1, 41)),
        "palette": distinct_colours(len(SCANNET20_CLASSES)).tolist(),
    }


@DATASETS.register_module()
class NYU40SegDataset_(SingleViewDataset):
    """All classes of NYU40, 2 stuff and 38 things: whatever is an object counts."""

    LABEL_COLUMN = "nyu40id"
    METAINFO = {
        "classes": NYU40_CLASSES,
        "seg_valid_class_ids": tuple(range(1, 41)),
        "seg_all_class_ids": tuple(range(1, 41)),
        "palette": distinct_colours(len(NYU40_CLASSES)).tolist(),
    }
