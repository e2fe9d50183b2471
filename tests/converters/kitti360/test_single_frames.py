"""Single frames whose files are links: followed where their owner says so."""

import shutil

import pytest

from tests.drives import VIEW
from tools.create_data import main
from vantage3d.converters.kitti360.raw import Kitti360Layout
from vantage3d.process.command import CommandError
from vantage3d.synthetic.layouts.drives import drive_name
from vantage3d.views.kitti360 import KITTI360Dataset


@pytest.fixture
def sample(raw, tmp_path):
    """A folder of one frame; its image is a link to another folder."""
    layout, sample = Kitti360Layout(raw), tmp_path / "sample"
    shutil.copytree(raw / "calibration", sample / "calibration")
    number = layout.recorded(drive_name(0))[0]
    stem = f"{number:010d}"
    for folder in ("image_00", "velodyne_points"):
        (sample / folder).mkdir()
    sweep = layout.sweep(drive_name(0), number)
    shutil.copy(sweep, sample / f"velodyne_points/{stem}.bin")
    (tmp_path / "disk").mkdir()
    image = tmp_path / "disk" / "taken.png"
    shutil.copy(layout.image(drive_name(0), number), image)
    (sample / f"image_00/{stem}.png").symlink_to(image)
    return sample


def test_links_out_of_the_sample_are_refused_or_declared(sample, tmp_path):
    out = tmp_path / "out"
    folders = ["--root-path", str(sample), "--out-dir", str(out)]
    arguments = ["kitti360_single", *folders, "--view", *map(str, VIEW)]
    with pytest.raises(CommandError, match=r"taken\.png: outside of .*--extra-root"):
        main(arguments)
    assert not list(out.rglob("test.npz"))
    main([*arguments, "--extra-root", str(tmp_path / "disk")])
    options = dict(frames=1, image_size=VIEW[1], aspect=VIEW[0] / VIEW[1])
    data = KITTI360Dataset(
        str(out), split="test", test_mode=True, packed=False, **options
    )
    assert (data[0]["depth"] > 0).sum() > 100
