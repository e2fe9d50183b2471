"""Names of instances from planted features, and what is no vocabulary."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.inference.conftest import room, weights
from vantage3d.backbones2d import FeatureExtractor
from vantage3d.esam import StreamSegmenter, Vocabulary
from vantage3d.esam.converters.segmenters import SegmenterOptions
from vantage3d.esam.online.vocabulary import SCALE
from vantage3d.inference import open_footage

__all__ = ["room", "weights"]
NAMES = ["red thing", "green thing", "blue thing"]


class Colours(FeatureExtractor):
    """A cell's features are its red, green and blue: texts say which."""

    def __init__(self) -> None:
        zero, one = (0.0,) * 3, (1.0,) * 3
        super().__init__("colours", "a" * 64, (0,), 4, 3, zero, one)

    def patch_features(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(images, 4)


@pytest.fixture(scope="module")
def colours():
    return Vocabulary(NAMES, np.eye(3), Colours())


def test_probabilities_are_those_of_the_planted_features(colours):
    """Of an instance that lies in red by a and in green by b, (a, b) / |(a, b)|."""
    image = np.zeros((8, 18, 3), np.uint8)  # the last cells are cut by the border
    image[:, :8, 0], image[:, 8:, 1] = 40, 200
    pixels = np.stack([np.arange(18), np.full(18, 5)], 1)
    masks = np.zeros((4, 18), bool)
    masks[0, :8], masks[1, 16:], masks[2, 4:9] = True, True, True
    found = colours.shares(image, pixels, masks)
    logits = SCALE * np.array(
        [[1, 0, 0], [0, 1, 0], np.array([4, 1, 0]) / 17**0.5, [0, 0, 0]]
    )
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-12)


def test_a_stream_names_what_it_finds(colours, room, weights, tmp_path):
    options = {"num_points": 500, "least_score": 0}
    cheap = SegmenterOptions("geometry")
    stream = StreamSegmenter(
        weights("esam"), segmenter=cheap, vocabulary=colours, **options
    )
    frame = next(iter(open_footage(room)))
    blue = np.broadcast_to(np.uint8([10, 20, 250]), frame.color.shape)
    found = stream._step(frame._replace(color=blue)).instances
    assert found.classes == tuple(NAMES) and set(found.labels) == {2}
    table = stream.scene().table
    assert {row.label for row in table} == {"blue thing"} and len(table)
    assert min(row.label_score for row in table) > 0.99
    stream.save(tmp_path / "state.npz")
    stream.vocabulary = None
    with pytest.raises(ValueError, match="saved with other weights or options"):
        stream.load(tmp_path / "state.npz")


@pytest.mark.parametrize(
    ("names", "vectors", "message"),
    [
        (["chair"], np.eye(3)[:1], r"two at least, got \['chair'\]"),
        (["lamp", "lamp"], np.eye(3)[:2], r"must differ, got \['lamp'\] more than"),
        (["a", "b"], np.eye(3), r"`vectors` must have shape \(T=2, D\), got \(3, 3\)"),
        (["a", "b"], np.eye(2), "must have 3 numbers each, as .*colours, got 2"),
        (["a", "b"], 2 * np.eye(3)[:2], 'length 1, got 2 for "a"'),
        (["a", "b"], np.full((2, 3), np.nan), r"`vectors` must be finite.*names-of"),
    ],
)
def test_what_is_no_vocabulary(names, vectors, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(names, vectors, Colours())


def test_files_that_are_missing_or_of_another_kind(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x\.npz.*streams\.md#names-of"):
        Vocabulary.of(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", names=NAMES, features=np.eye(3))
    with pytest.raises(ValueError, match="vectors"):
        Vocabulary.of(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", names=NAMES, vectors=np.eye(3))
    with pytest.raises(FileNotFoundError, match=r"--clip-weights FILE.*#clip_rn50"):
        Vocabulary.of(tmp_path / "x.npz", tmp_path / "clip.pt")
