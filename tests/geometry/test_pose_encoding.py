"""Cameras as nine numbers and back."""

import math

import pytest
import torch
from torch.testing import assert_close

from vantage3d.geometry import look_at
from vantage3d.geometry.pose_encoding import (
    decode_pose,
    encode_pose,
    quaternion_from_rotation,
    rotation_from_quaternion,
)

SIZE = (48, 64)


def rotation_about(axis: list[float], angle: float) -> torch.Tensor:
    """Rodrigues' formula."""
    x, y, z = torch.nn.functional.normalize(torch.tensor(axis).double(), dim=0)
    zero = torch.zeros(())
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    cross = torch.stack([torch.stack([v.double() for v in row]) for row in rows])
    identity = torch.eye(3, dtype=torch.float64)
    return identity + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


AXES = ([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [1.0, -2, 0.5])
ANGLES = (0.0, 1e-5, 1.0, 3.0, math.pi - 1e-4, math.pi)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("angle", ANGLES)
def test_rotations_survive_the_quaternion(axis, angle):
    rotation = rotation_about(axis, angle)
    quaternion = quaternion_from_rotation(rotation)
    expected = torch.tensor(axis).double() / torch.tensor(axis).norm()
    expected = torch.cat([expected * math.sin(angle / 2), torch.zeros(1)])
    expected[3] = math.cos(angle / 2)
    agreement = (quaternion * expected).sum().abs().item()
    assert agreement == pytest.approx(1, abs=1e-7)
    assert quaternion[3] >= 0
    for length in (1.0, -3.0, 0.01):
        back = rotation_from_quaternion(length * quaternion)
        assert_close(back, rotation, atol=1e-12, rtol=0)


def test_cameras_survive_the_encoding():
    eye, target = torch.tensor([3.0, -1.0, 2.0]), torch.tensor([0.0, 0.5, 9.0])
    cam2world = look_at(eye, target, torch.tensor([0.0, -1.0, 0.0])).double()
    world2cam = torch.linalg.inv(cam2world).expand(2, 3, 4, 4)
    K = torch.tensor([[60.0, 0, 32], [0, 62.0, 24], [0, 0, 1]]).double()
    encoding = encode_pose(world2cam, K.expand(2, 3, 3, 3), SIZE)
    got, got_K = decode_pose(encoding, SIZE)
    assert_close(got, world2cam, atol=1e-6, rtol=0)
    assert_close(got_K, K.expand(2, 3, 3, 3), atol=1e-6, rtol=0)
    assert encoding[0, 0, 7].item() == pytest.approx(2 * math.atan(24 / 62))


def test_no_field_of_view_is_an_infinite_focal_length():
    encoding = torch.tensor([0, 0, 0, 0, 0, 0, 1, 0.5, 0.0])
    _, K = decode_pose(encoding, SIZE)
    assert K[0, 0] == math.inf
    assert K[1, 1].item() == pytest.approx(24 / math.tan(0.25))


def test_decoding_can_be_trained_through():
    encoding = torch.tensor([1.0, 2, 3, 0.1, 0.2, 0.3, 0.9, 0.5, 0.6])
    encoding = encoding.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: decode_pose(x, SIZE), encoding)


def test_shapes():
    with pytest.raises(ValueError, match=r"`encoding`.*got \(2, 8\)"):
        decode_pose(torch.zeros(2, 8), SIZE)
    with pytest.raises(ValueError, match=r"`quaternion`.*got \(3,\)"):
        rotation_from_quaternion(torch.zeros(3))
