"""Loading of the image features of a frame, extracted beforehand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmcv.transforms import BaseTransform
from torch import Tensor

from vantage3d.checks import check_choice
from vantage3d.esam.frame_camera import (
    MAX_PIXEL_ERROR,
    camera_points,
    frame_camera,
    pixel_errors,
)
from vantage3d.io.features import FORMS, FeatureSource, read_features
from vantage3d.io.images import read_size
from vantage3d.registry import TRANSFORMS

NEEDED = ("model", "channels", "patch")
GRID_KEYS = ("image_size", "input_size", "patch", "model")
OPTIONAL = ("input_size", "weights", "layers", "image_size")


@TRANSFORMS.register_module()
class LoadClipFeature(BaseTransform):
    """Adds ``clip_pix``, the (C, h, w) feature map of the frame's image, as stored, and
    ``feat_grid``, where its cells lie in the image.

    Reads ``clip_feat_path``, which ``tools/create_data.py --pack-clip`` wrote. Where
    ``points`` and ``pixels`` are loaded already, every point must project onto its
    pixel. Any disagreement is an error: nothing stands in for a feature map.

    Args:
        source: What made the features: ``model``, ``channels``, ``patch``;
            ``input_size`` (W, H) that the network saw before padding, that of the image
            if absent; ``weights`` (sha256), any if absent or ``"*"``; ``layers``, any
            if absent; ``image_size`` (W, H) of the image as stored, read from
            ``img_path`` if absent.
        form: ``pt`` or ``safetensors``. A ``pt`` file only shows its shape.

    Raises:
        ValueError: If ``source`` lacks a key or has an unknown one. For a sample,
            naming it and the file: if the file is truncated, of another shape, network,
            image size or frame, the info file has no features, or the camera is wrong.
        FileNotFoundError: If the feature file, or the image without ``image_size``, is
            missing.
    """

    def __init__(self, source: Mapping[str, Any], form: str = "pt") -> None:
        missing = [key for key in NEEDED if key not in source]
        unknown = sorted(set(source) - {*NEEDED, *OPTIONAL})
        if missing or unknown:
            raise ValueError(
                f"`source` lacks {missing} and has the unknown keys {unknown}. Needed: "
                f"{[*NEEDED]}, optional: {[*OPTIONAL]}."
            )
        check_choice("form", form, FORMS)
        self.source = dict(source)
        self.form = form

    def transform(self, results: dict) -> dict:
        name, camera = results["sample_idx"], frame_camera(results)
        try:
            path, expected = self._path(name, results), self._expected(results)
            feats = read_features(path, expected, name)
            expected.grid.check_view("img_shape", camera.size)
            if "points" in results and "pixels" in results:
                _check_pixels(path, results, camera.K)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"sample {name}: {error}") from error
        except ValueError as error:
            raise ValueError(f"sample {name}: {error}") from error
        results["clip_pix"] = feats
        results["feat_grid"] = {key: getattr(expected, key) for key in GRID_KEYS}
        return results

    def _path(self, name: str, results: dict) -> Path:
        if not results.get("clip_feat_path"):
            raise ValueError(
                "its entry in the info file has no `clip_feat_path`. Use the _clip "
                "info file that `tools/create_data.py ... --pack-clip` writes"
            )
        path = Path(results["clip_feat_path"])
        if path.suffix != f".{self.form}":
            raise ValueError(
                f"feature file {path} ends in {path.suffix!r}, the config says form "
                f"{self.form!r}. Pack with --feature-form {self.form}, or set `form`"
            )
        image = Path(results.get("img_path", path)).stem
        if f"{path.parent.name}_{path.stem}" != name or image != path.stem:
            raise ValueError(
                f"feature file {path} is of another frame; expected {name} with the "
                f"image {results.get('img_path')}. Pack again with "
                "`tools/create_data.py ... --pack-clip`"
            )
        return path

    def _expected(self, results: dict) -> FeatureSource:
        source = self.source
        size = source.get("image_size") or self._image_size(results)
        return FeatureSource(
            model=source["model"],
            weights=source.get("weights", "*"),
            layers=tuple(source.get("layers", ())),
            image_size=tuple(size),
            input_size=tuple(source.get("input_size") or size),
            patch=source["patch"],
            channels=source["channels"],
        )

    @staticmethod
    def _image_size(results: dict) -> tuple[int, int]:
        if "img_path" not in results:
            raise ValueError(
                "its entry in the info file has no `img_path` to read the size of the "
                "image from. Set `image_size` of `source`"
            )
        return read_size(results["img_path"])


def _check_pixels(path: Path, results: dict, K: Tensor) -> None:
    """Every point must project onto the pixel that it was made from."""
    points_cam = camera_points(results["points"].coord.double(), results)
    error = pixel_errors(points_cam, K, results["pixels"]).max()
    if error > MAX_PIXEL_ERROR:
        raise ValueError(
            f"points project up to {error:.4g} px beside the pixels they were made "
            f"from, at most {MAX_PIXEL_ERROR} are allowed before {path} can be used: "
            "`pose`, `cam2img` or `img_shape` belong to another frame or image. "
            "Prepare the sample again with `tools/create_data.py`"
        )
