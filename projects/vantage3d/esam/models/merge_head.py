"""Queries as unit vectors by which instances of different frames are told apart."""

from torch import Tensor, nn
from torch.nn import functional

from vantage3d.checks import check_choice
from vantage3d.registry import MODELS

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


@MODELS.register_module()
class MergeHead(nn.Module):
    """Two linear layers, each with a norm, onto the unit sphere.

    Args:
        in_channels: Channels of the queries.
        out_channels: Channels of the result.
        d_hidden: Channels between the layers.
        norm: "batch" or "layer". Released checkpoints are of either kind, and those of
            the other one do not load.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        d_hidden: int = 512,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        check_choice("norm", norm, NORMS)
        kind = NORMS[norm]
        self.net = nn.Sequential(
            nn.Linear(in_channels, d_hidden),
            kind(d_hidden),
            nn.ReLU(),
            nn.Linear(d_hidden, out_channels),
            kind(out_channels),
        )

    def forward(self, queries: Tensor) -> Tensor:
        """(Q, out_channels) unit vectors of queries (Q, in_channels)."""
        return functional.normalize(self.net(queries), dim=1)
