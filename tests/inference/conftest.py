"""Networks and a recording that these tests share."""

import pytest

from tests.inference.trained import work_dir


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Checkpoint of a system, made once."""
    made = {}

    def find(system):
        if system not in made:
            made[system] = work_dir(tmp_path_factory.mktemp("w") / system, system)
        return made[system]

    return find


@pytest.fixture(scope="session")
def room(filmed):
    """An RGB-D folder of one scene of three frames."""
    return filmed("rgbd_folder") / "scene0000_00"


@pytest.fixture(scope="session")
def segmenter(weights):
    """A predictor of instances."""
    from vantage3d.esam import RGBDSegmenter

    return RGBDSegmenter(weights("esam"), num_points=2000)
