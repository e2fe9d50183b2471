"""Vectors of queries: on the sphere, named as released, of one kind of norm."""

import pytest
import torch

from vantage3d.esam.models import MergeHead


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_vectors_have_unit_length(norm):
    feats = MergeHead(6, 4, d_hidden=8, norm=norm)(torch.randn(5, 6))
    assert feats.shape == (5, 4)
    torch.testing.assert_close(feats.norm(dim=1), torch.ones(5))


def test_only_batch_norms_depend_on_other_queries():
    queries = torch.randn(5, 6)
    for norm, alone in (("batch", False), ("layer", True)):
        head = MergeHead(6, 4, norm=norm)
        same = torch.allclose(head(queries)[:3], head(queries[:3]), atol=1e-6)
        assert same is alone


def test_a_norm_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="'group'"):
        MergeHead(6, 4, norm="group")
