"""Loss of axis-aligned boxes."""

from torch import Tensor, nn

from vantage3d.registry import MODELS


@MODELS.register_module()
class AxisAlignedIoULoss(nn.Module):
    """Mean of 1 - IoU between each predicted box and its target."""

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Scalar.

        Args:
            pred: (M, 6) smallest and largest corner in metres.
            target: (M, 6) likewise, row i belongs to row i of ``pred``.
        """
        low = pred[:, :3].maximum(target[:, :3])
        high = pred[:, 3:].minimum(target[:, 3:])
        overlap = (high - low).clamp(min=0).prod(1)
        union = _volume(pred) + _volume(target) - overlap
        return (1 - overlap / union.clamp(min=1e-6)).mean()


def _volume(corners: Tensor) -> Tensor:
    return (corners[:, 3:] - corners[:, :3]).prod(1)
