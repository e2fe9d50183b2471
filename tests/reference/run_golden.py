"""Compare the project with one golden file of a reference implementation.

    python tests/reference/run_golden.py FILE.npz

Prints one JSON line with file, kind, max_rel_error, tolerance and ok; exits 0 only if
every array is inside its tolerance and finite where the reference is.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.reference.deltas_golden import deltas  # noqa: E402
from tests.reference.golden_fill import random_fill  # noqa: E402

Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, np.ndarray, np.ndarray]]  # name, ours, reference


def minkunet34c(golden: Arrays) -> Pairs:
    """Res16UNet34C(3, 96) on the given voxels, in evaluation mode."""
    from vantage3d.esam.models import Res16UNet34C
    from vantage3d.sparse import SparseTensor

    net = random_fill(Res16UNet34C(3, 96))
    feats, coords = (torch.from_numpy(golden[key]) for key in ("feats", "coords"))
    yield "out", net(SparseTensor(feats, coords)).features.numpy(), golden["out"]


def esam_pool_decoder(golden: Arrays) -> Pairs:
    """GeoAwarePooling(96) and the decoder on the batch of given samples."""
    from vantage3d.esam.models import GeoAwarePooling, ScanNetMixQueryDecoder

    count = numbered(golden, "x")
    feats, xyz, superpoints = (
        [torch.from_numpy(golden[f"{key}{i}"]) for i in range(count)]
        for key in ("x", "xyz", "superpoint")
    )
    sizes = [int(ids.max()) + 1 for ids in superpoints]
    starts = np.cumsum([0, *sizes])
    ids = torch.cat([ids + int(start) for ids, start in zip(superpoints, starts)])
    pool = random_fill(GeoAwarePooling(96))
    pooled, _, weight = pool(torch.cat(feats), ids, torch.cat(xyz))
    yield "point_weight", weight.numpy(), golden["point_weight"]

    decoder = random_fill(
        ScanNetMixQueryDecoder(3, 1, num_semantic_classes=1, in_channels=96)
    )
    queries = list(pooled.split(sizes))
    points = [torch.cat(pair, dim=1) for pair in zip(xyz, feats)]
    weights = list(weight.split([len(x) for x in feats]))
    out = decoder(queries, points, queries, superpoints, weights)
    heads = {"cls": "cls_preds", "sem": "sem_preds", "mask": "masks"}
    for i in range(count):
        yield f"pooled{i}", queries[i].numpy(), golden[f"pooled{i}"]
        for key, head in {**heads, "query": "queries"}.items():
            yield f"{key}{i}", out[head][i].numpy(), golden[f"{key}{i}"]


def scannet_ap(golden: Arrays) -> Pairs:
    """Class-aware and class-agnostic AP over the given scenes."""
    from vantage3d.evaluation.scannet_ap import instance_ap

    class_ids = golden["class_ids"]
    scenes = range(numbered(golden, "gt_semantic"))
    names = [str(class_id) for class_id in class_ids]
    aware = instance_ap([golden_scene(golden, i, True) for i in scenes], names)
    agnostic = instance_ap([golden_scene(golden, i, False) for i in scenes], ["all"])
    keys = {"ap": "all_ap", "ap_50": "all_ap_50%", "ap_25": "all_ap_25%"}
    for suffix, key in keys.items():
        yield key, np.array(aware[key]), golden[f"expected_all_{suffix}"]
        yield key, np.array(agnostic[key]), golden[f"expected_agnostic_{suffix}"]
    for name, key in (("expected_class_ap", "ap"), ("expected_class_ap50", "ap50%")):
        values = [aware["classes"][name][key] for name in names]
        yield name, np.array(values), golden[name]


def golden_scene(golden: Arrays, i: int, class_aware: bool):
    """Overlaps of scene ``i``; an instance is the points of one class with one id."""
    from vantage3d.evaluation.instance_overlaps import scene_overlaps, scene_truth

    class_ids = golden["class_ids"].tolist()
    semantic = golden[f"gt_semantic{i}"].astype(np.int64)
    instance = golden[f"gt_instance{i}"].astype(np.int64)
    index = {class_id: label for label, class_id in enumerate(class_ids)}
    labels = np.array([index.get(class_id, -1) for class_id in semantic.tolist()])
    pred_labels = golden[f"pred_labels{i}"].astype(np.int64)
    if class_aware:
        valid = (labels >= 0) & (instance >= 0)
        span = instance.max() + 1
        instance = np.where(valid, labels * span + instance, -1)
    else:
        labels, pred_labels = np.minimum(labels, 0), np.zeros_like(pred_labels)
    packed = golden[f"pred_masks{i}"]
    masks = np.unpackbits(packed, axis=1, count=len(semantic)).astype(bool)
    truth = scene_truth(labels, instance)
    scores = golden[f"pred_scores{i}"].astype(np.float64)
    return scene_overlaps(truth, masks, pred_labels, scores)


def vggt(golden: Arrays) -> Pairs:
    """The narrow VGGT of the file on its images, and the cameras of its last round."""
    from vantage3d.geometry.pose_encoding import decode_pose
    from vantage3d.vggt_lora.models import VGGT

    config = json.loads(str(golden["config"]))
    for part in ("camera_head", "dpt"):
        config[part] = dict(config.get(part, {}))
        config[part].pop("dim_in", None)  # twice embed_dim
    net = random_fill(VGGT(**config))
    images = torch.from_numpy(golden["images_uint8"]).permute(0, 3, 1, 2)[None] / 255
    out = net(images)
    out["pose_enc_list"] = torch.stack(out["pose_enc_list"])
    size = (images.shape[-2], images.shape[-1])
    world2cam, K = decode_pose(torch.from_numpy(golden["pose_enc"]), size)
    out["extrinsics"], out["intrinsics"] = world2cam[..., :3, :], K
    for name in set(golden) - {"kind", "config", "images_uint8"}:
        yield name, out[name].numpy(), golden[name]


def vggt_losses(golden: Arrays) -> Pairs:
    """Camera, depth and point losses of the given batch, which is not normalised."""
    from vantage3d.geometry.pose_encoding import encode_pose
    from vantage3d.vggt_lora.losses import CameraLoss, DenseLoss

    arrays = {key: torch.from_numpy(golden[key]) for key in golden if key != "kind"}
    mask = arrays["mask"]
    world2cam = torch.eye(4).expand(*mask.shape[:2], 4, 4).clone()
    world2cam[..., :3, :] = arrays["extrinsics"]
    target = encode_pose(world2cam, arrays["intrinsics"], tuple(mask.shape[2:]))
    yield "gt_pose_enc", target.numpy(), golden["gt_pose_enc"]
    # the reference takes or leaves a sample by its first frame
    frames = (mask[:, :1].sum((2, 3)) > 100).expand(mask.shape[:2])
    camera = CameraLoss()(arrays["pose_enc_list"].unbind(), target, frames)
    losses = dict(camera)
    if mask.sum() < 100:  # it skips such a batch
        mask = torch.zeros_like(mask)
    for name, pred, conf, truth, surface in (
        ("depth", "pred_depth", "depth_conf", arrays["depth"][..., None], "grad"),
        ("point", "pred_points", "points_conf", arrays["world_points"], "normal"),
    ):
        term = DenseLoss(gradient_loss_fn=surface)
        weights = mask.to(truth.dtype)
        terms = term(arrays[pred], truth, arrays[conf], mask, weights)
        losses.update({f"{key}_{name}": value for key, value in terms.items()})
    for name, value in losses.items():
        yield name, value.numpy(), golden[f"expected_loss_{name}"]


def numbered(golden: Arrays, prefix: str) -> int:
    """How many arrays ``prefix0``, ``prefix1``, ... there are."""
    count = 0
    while f"{prefix}{count}" in golden:
        count += 1
    return count


@dataclass(frozen=True)
class Kind:
    """What to compute for a kind of file, and how far it may be off, relatively."""

    compute: Callable[[Arrays], Pairs]
    tolerance: float


KINDS = {
    "minkunet34c": Kind(minkunet34c, 1e-4),
    "esam_pool_decoder": Kind(esam_pool_decoder, 1e-3),
    "scannet_ap": Kind(scannet_ap, 1e-9),
    "vggt": Kind(vggt, 1e-3),
    "vggt_losses": Kind(vggt_losses, 1e-5),
    "deltas": Kind(deltas, 1e-3),
}


def relative_error(ours: np.ndarray, reference: np.ndarray) -> float:
    """Largest difference by the largest reference value; inf where only one is finite.

    Where the reference is not finite (nan, inf), ours must be the same.
    """
    ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
    finite = np.isfinite(reference)
    if ours.shape != reference.shape or not np.isfinite(ours[finite]).all():
        return float("inf")
    if not np.array_equal(ours[~finite], reference[~finite], equal_nan=True):
        return float("inf")
    if not finite.any():
        return 0.0
    scale = np.abs(reference[finite]).max()
    error = np.abs(ours[finite] - reference[finite]).max()
    return float(error / scale if scale > 0 else error)


def run(path: Path) -> dict:
    """Compare with one file.

    Raises:
        ValueError: If its kind is not in the table.
    """
    with np.load(path) as file:
        golden = {key: file[key] for key in file.files}
    kind = str(golden["kind"])
    if kind not in KINDS:
        raise ValueError(f"{path}: kind {kind!r} is unknown; known: {sorted(KINDS)}")
    with torch.no_grad():
        errors = [relative_error(a, b) for _, a, b in KINDS[kind].compute(golden)]
    tolerance = KINDS[kind].tolerance
    return {
        "file": str(path),
        "kind": kind,
        "max_rel_error": max(errors),
        "tolerance": tolerance,
        "ok": max(errors) <= tolerance,
    }


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    result = run(parser.parse_args().file)
    print(json.dumps(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
