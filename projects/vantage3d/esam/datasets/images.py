"""Loading of the colour image of a frame, for networks that run with the model."""

import torch
from mmcv.transforms import BaseTransform

from vantage3d.io.images import read_color
from vantage3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadFrameImage(BaseTransform):
    """Adds ``img``, the (3, H, W) uint8 RGB image of ``img_path``.

    Its size may differ from the depth image's; both show one view.

    Raises:
        ValueError: Naming the sample, if the info file names no image. If the file is
            truncated or no image.
        FileNotFoundError: If the file is missing.
    """

    def transform(self, results: dict) -> dict:
        if not results.get("img_path"):
            raise ValueError(
                f"sample {results['sample_idx']}: its entry in the info file has no "
                "`img_path`. Write the file again with `tools/create_data.py`."
            )
        image = torch.tensor(read_color(results["img_path"]))
        results["img"] = image.permute(2, 0, 1).contiguous()
        return results
