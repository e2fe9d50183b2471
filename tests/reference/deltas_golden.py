"""The golden kind `deltas`: three frames of ScanNet through the released numerics."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from tests.reference.golden_fill import random_fill
from tests.shared import SHARED

Arrays = Mapping[str, np.ndarray]
SCENE = "data/deltas_scannet_sample/scannet_sample/scans_test/scene0707_00"


def deltas(golden: Arrays) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """DELTAS(legacy=True) at the given keypoints; its loader's cameras, too."""
    from vantage3d.deltas.models import DELTAS
    from vantage3d.deltas.models.estimator import relative_poses
    from vantage3d.deltas.models.matching import to_cells
    from vantage3d.geometry import unproject_pixels

    height, width = golden["dense_depth"].shape[-2:]
    batch = read_scene(int(golden["row"]), golden["pose"].shape[1], (height, width))
    yield "intrinsics", batch["K"][:, 0].numpy(), golden["intrinsics"]
    poses = relative_poses(batch["cam2world"])
    yield "pose", poses[:, 1:].numpy(), golden["pose"]
    with torch.device("meta"):
        net = DELTAS(legacy=True)
    net = net.to_empty(device="cpu")
    for part in (net.supernet, net.trinet, net.depthnet):
        random_fill(part)
    keypoints = torch.from_numpy(golden["keypoints"])
    out = net.eval().estimate(batch, keypoints=keypoints)
    yield (
        "score_logits",
        out["score_logits"][0][..., ::3, ::4].numpy(),
        golden["score_logits"],
    )
    yield (
        "descriptors",
        out["descriptors"][0][:, ::4, ::3, ::4].numpy(),
        golden["descriptors"],
    )
    for name in ("range_kp", "matches", "confidence"):
        yield name, out[name].numpy(), golden[name]
    yield "keypoints_3d", out["points_anchor"].numpy(), golden["keypoints_3d"]
    depth = batch["depth"][:, :1]
    cells = to_cells(keypoints, (height, width), legacy=True, stride=1)
    grid = (2 * cells + 1) / torch.tensor([width, height]) - 1
    z = grid_sample(depth, grid[:, None], align_corners=False)[:, 0, 0]
    truth = unproject_pixels(keypoints, z, batch["K"][:, 0], torch.eye(4))
    yield "keypoints3d_gt", truth.numpy(), golden["keypoints3d_gt"]
    yield "dense_depth", out["depth_pyramid"][-1].numpy(), golden["dense_depth"]


def read_scene(anchor: int, views: int, size: tuple[int, int]) -> dict[str, Tensor]:
    """The model's batch of frame ``anchor`` and the others in order, as upstream reads.

    Raises:
        FileNotFoundError: If the sample is not in the shared folder.
    """
    folder = SHARED / SCENE
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is absent; set VANTAGE3D_SHARED to the shared folder"
        )
    count = len(list((folder / "color").glob("*.jpg")))
    frames = [anchor, *(i for i in range(count) if i != anchor)][: 1 + views]
    images, depths, poses = zip(*(read_frame(folder, i, size) for i in frames))
    poses = torch.from_numpy(np.stack(poses)).float()
    images = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255
    K = (
        torch.from_numpy(read_intrinsics(folder, size))
        .float()
        .expand(len(frames), 3, 3)
    )
    depth = torch.from_numpy(np.stack(depths))
    batch = {"images": images, "K": K, "cam2world": poses, "depth": depth}
    return {key: value[None] for key, value in batch.items()}


def read_frame(folder: Path, i: int, size: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Image (H, W, 3) float32 0..255, depth (H, W) in metres, pose (4, 4)."""
    image = cv2.imread(str(folder / f"color/{i}.jpg"))[..., ::-1].astype(np.float32)
    depth = cv2.imread(str(folder / f"depth/{i}.png"), cv2.IMREAD_UNCHANGED)
    depth = depth.astype(np.float32) / 1000
    wide = size[::-1]
    return (
        cv2.resize(image, wide, interpolation=cv2.INTER_LINEAR),
        cv2.resize(depth, wide, interpolation=cv2.INTER_LINEAR),
        np.loadtxt(folder / f"pose/{i}.txt"),
    )


def read_intrinsics(folder: Path, size: tuple[int, int]) -> np.ndarray:
    """(3, 3) of the colour camera in pixels of an image of ``size`` (H, W)."""
    from vantage3d.geometry import scale_intrinsics

    lines = (folder / f"{folder.name}.txt").read_text().splitlines()
    info = dict(line.split(" = ") for line in lines if " = " in line)
    fx, fy, cx, cy = (float(info[f"{key}_color"]) for key in ("fx", "fy", "mx", "my"))
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    wide, high = int(info["colorWidth"]), int(info["colorHeight"])
    return scale_intrinsics(K, size[1] / wide, size[0] / high)
