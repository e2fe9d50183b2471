"""What metrics and pictures read of the network's outputs."""

import pytest
import torch

from vantage3d.geometry.pose_encoding import encode_pose
from vantage3d.vggt_lora.models.estimator import predictions


def test_the_camera_of_a_centred_view_survives_its_encoding():
    """Pixel centres are at integers: the middle of 518 pixels is 258.5, not 259."""
    K = torch.tensor([[300.0, 0, 258.5], [0, 310, 83.5], [0, 0, 1]])
    world2cam = torch.eye(4)
    world2cam[:3, 3] = torch.tensor([0.3, -0.2, 1.0])
    encoding = encode_pose(world2cam, K, (168, 518))[None, None]
    found = predictions({"pose_enc": encoding}, (168, 518))[0]
    assert found["pred_K"][0].numpy() == pytest.approx(K.numpy(), abs=1e-3)
    torch.testing.assert_close(found["pred_world2cam"][0], world2cam)
