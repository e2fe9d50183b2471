"""The one runner of all systems."""

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from projects.registry import RUNNERS

# Harmless data types that mmengine puts into its checkpoints.
torch.serialization.add_safe_globals(
    [
        HistoryBuffer,
        np.core.multiarray._reconstruct,
        np.ndarray,
        np.dtype,
        np.dtypes.Float64DType,
        np.dtypes.Int64DType,
    ]
)


@RUNNERS.register_module()
class Vantage3DRunner(Runner):
    """MMEngine's runner with the project's defaults."""
