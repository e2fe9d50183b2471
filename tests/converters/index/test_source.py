"""What every source of frames can do, whatever its layout."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vantage3d.converters.index.source import FrameSource, Unusable, usable
from vantage3d.views.index import IndexedFrame


@dataclass(frozen=True)
class Listed(FrameSource):
    """Two frames 10 apart, one of them lost."""

    root: Path = Path("/raw")
    reader: str = "integer"

    def splits(self):
        return {"train": ["a"]}

    def frames(self, sequence):
        world2cam = np.eye(4)
        world2cam[:3, 3] = (1, 2, 3)
        frame = IndexedFrame(0, "a/0.jpg", "a/0.png", np.eye(3), world2cam)
        return [frame, Unusable(10, "the tracking was lost")]


def test_a_frame_is_found_by_its_name():
    source = Listed()
    assert source.names("a") == ["0", "10"]
    assert source.entry("a", "0").image == "a/0.jpg"
    assert source.cam2world("a", "0")[:3, 3].tolist() == [-1, -2, -3]
    with pytest.raises(ValueError, match="tracking was lost"):
        source.entry("a", "10")
    with pytest.raises(ValueError, match="sequence a has no frame '7'"):
        source.entry("a", "7")


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError])
def test_what_makes_a_frame_unusable_is_its_reason(error):
    def lost():
        raise error("5.txt is gone")

    assert usable(5, lost) == Unusable(5, "5.txt is gone")


def test_paths_are_relative_to_the_root():
    assert Listed().relative(Path("/raw/a/0.jpg")) == "a/0.jpg"
