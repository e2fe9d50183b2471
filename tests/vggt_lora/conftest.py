"""A small synthetic KITTI-360 and its cache, made once."""

import pytest

from projects.common.synthetic.kitti360 import DriveOptions, write_kitti360
from projects.vggt_lora.converters.kitti360 import convert
from projects.vggt_lora.converters.kitti360_frames import Options
from projects.vggt_lora.converters.kitti360_layout import Kitti360Layout

DRIVES = DriveOptions(frames=7, size=(352, 94), columns=700, cameras=(0, 1), seed=3)
VIEW = (56, 168)


@pytest.fixture(scope="session")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("street") / "raw"
    write_kitti360(folder, 1, 1, DRIVES)
    return folder


@pytest.fixture(scope="session")
def cache(raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("street") / "cache"
    convert(Options(Kitti360Layout(raw), folder, VIEW, pack=(VIEW,)), ["train", "val"])
    return folder
