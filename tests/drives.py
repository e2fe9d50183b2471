"""A small synthetic KITTI-360 and its cache, made once."""

import pytest

from vantage3d.converters.kitti360.convert import Options, convert
from vantage3d.converters.kitti360.raw import Kitti360Layout
from vantage3d.synthetic.layouts.drives import DriveOptions, write_kitti360

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
    layout, sizes = Kitti360Layout(raw), {"view": VIEW, "pack": (VIEW,)}
    convert(Options(layout=layout, out_dir=folder, **sizes), ["train", "val"])
    return folder
