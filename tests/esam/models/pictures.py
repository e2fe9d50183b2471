"""Made-up frames with a camera and a feature map, for the tests of image features."""

import torch

from tests.esam.models.scenes import frame, model_config, narrow_model
from vantage3d.geometry import look_at, project

SPACE = "toy"
CHANNELS = 5
GRID = {"image_size": (320, 240), "input_size": (320, 240), "patch": 16}
K = torch.tensor([[200.0, 0, 159.5], [0, 200.0, 119.5], [0, 0, 1]])
SOURCE = {"type": "StoredFeatures", "feat_space": SPACE, "channels": CHANNELS}


def picture_frame(seed: int, num_points: int, num_boxes: int = 3):
    """Points, feature map (C, h, w) and sample; a part of the points is outside."""
    points, sample = frame(seed, num_points, num_boxes)
    eye, target = torch.tensor([1.5, -3.5, 1.5]), torch.tensor([1.5, 0.5, 0.3])
    pose = look_at(eye, target, torch.tensor([0.0, 0, 1]))
    pixels, _ = project(points[:, :3], K, torch.linalg.inv(pose))
    sample.set_metainfo(
        {
            "sample_idx": f"frame{seed}",
            "pose": pose.numpy(),
            "cam2img": K.numpy(),
            "img_shape": (240, 320),
            "pixels": pixels.numpy(),
            "feat_grid": {**GRID, "model": SPACE},
        }
    )
    generator = torch.Generator().manual_seed(100 + seed)
    feats = torch.randn(CHANNELS, 15, 20, generator=generator)
    return points, feats, sample


def picture_batch(*frames) -> dict:
    """What the collate function gives."""
    points, maps, samples = zip(*frames)
    inputs = {"points": list(points), "clip_pix": list(maps)}
    return {"inputs": inputs, "data_samples": list(samples)}


def injected_model(seed: int = 0, zero: bool = False, **options):
    """A narrow detector with injection; its kernels are random, or zero."""
    model = narrow_model(seed, **injection_changes(**options))
    if not zero:
        randomize(model)
    return model


def injection_changes(**options) -> dict:
    """What the configuration of a detector with injection adds."""
    backbone = model_config()["backbone"]
    backbone["injection"] = {"channels": CHANNELS, **options}
    return {"backbone": backbone, "image_features": SOURCE}


def randomize(model, scale: float = 0.3) -> None:
    """Weights of the image branch as after a training."""
    generator = torch.Generator().manual_seed(7)
    for name, weight in model.named_parameters():
        if "dino_" in name or "fusion" in name:
            noise = torch.randn(weight.shape, generator=generator)
            weight.data.add_(scale * noise)


def unseen(picture):
    """The frame with its camera turned away, so that no point has a feature."""
    points, feats, sample = picture
    turn = torch.diag(torch.tensor([-1.0, 1, -1, 1])).numpy()
    sample.set_metainfo({"pose": sample.metainfo["pose"] @ turn, "pixels": None})
    return points, feats, sample
