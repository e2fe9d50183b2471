import re

import numpy as np
import pytest
import torch

from vantage3d.checks import check_choice, check_finite, check_positive, check_shape

BOTH = pytest.mark.parametrize("zeros", [np.zeros, torch.zeros], ids=["numpy", "torch"])


@BOTH
def test_shape_binds_letters(zeros):
    dims = check_shape("K", zeros((2, 5, 3, 3)), "B V 3 3")
    assert dims == {"B": 2, "V": 5}
    assert check_shape("x", zeros((7, 2, 4)), "... N 4") == {"N": 2}
    assert check_shape("x", zeros((4,)), "... 4") == {}


@BOTH
@pytest.mark.parametrize(
    ("shape", "spec", "message"),
    [
        ((2, 3, 3), "B V 3 3", "`K` must have shape (B, V, 3, 3), got (2, 3, 3). Fix."),
        ((2, 4, 3), "B 3 3", "`K` must have shape (B, 3, 3), got (2, 4, 3). Fix."),
        ((2, 4), "N N", "`K` must have shape (N, N), got (2, 4). Fix."),
        ((3,), "... N 3", "`K` must have shape (..., N, 3), got (3,). Fix."),
        ((3,), "4", "`K` must have shape (4,), got (3,). Fix."),
    ],
)
def test_shape_message(zeros, shape, spec, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_shape("K", zeros(shape), spec, fix="Fix.")


@BOTH
def test_shape_agrees_with_earlier_letters(zeros):
    dims = check_shape("points", zeros((6, 3)), "N 3")
    message = "`labels` must have shape (N=6,), got (5,)."
    with pytest.raises(ValueError, match=re.escape(message)):
        check_shape("labels", zeros((5,)), "N", dims=dims)
    assert dims == {"N": 6}


@BOTH
def test_finite(zeros):
    values = zeros((2, 3))
    check_finite("points", values)
    values[1, 2] = float("nan")
    values[1, 1] = float("-inf")
    message = (
        "`points` must be finite, got -inf at index (1, 1) (2 such values). Drop it."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        check_finite("points", values, fix="Drop it.")


def test_positive_and_choice():
    check_positive("voxel_size", 0.02)
    check_choice("backend", "torch", ("torch", "minkowski"))
    with pytest.raises(ValueError, match=r"`voxel_size` must be positive, got -1. Use"):
        check_positive("voxel_size", -1, fix="Use metres.")
    with pytest.raises(ValueError, match="must be positive, got nan"):
        check_positive("voxel_size", float("nan"))
    message = "`backend` must be one of 'torch', 'minkowski', got 'jax'."
    with pytest.raises(ValueError, match=message):
        check_choice("backend", "jax", ("torch", "minkowski"))
