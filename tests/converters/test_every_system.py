"""A dataset is prepared once and serves every system."""

import numpy as np
import pytest

from tests import rooms as films
from tests.converters import rooms
from tests.views.agreement import landed
from vantage3d.geometry import invert_rigid
from vantage3d.process.seeding import SeededIndex
from vantage3d.registry import DATASETS

# Layout: command and its options, preset, split, step of the frame numbers.
WRITTEN = {
    "annotations": (("annotations",), "annotations", "train", 1),
    "hypersim": (("annotations", "--depth", "distance"), "annotations", "train", 1),
    "scannet": (("scannet",), "scannet", "train", 20),
    "co3d": (("co3d", "--min-frames", 2), "co3d", "train", 1),
    "eth3d": (("eth3d",), "eth3d", "train", 1),
    "virtual_kitti": (
        ("vkitti", "--min-frames", 2, "--val-scenes", "Scene02"),
        "vkitti",
        "train",
        1,
    ),
}
FILMED = {
    "rgbd_folder": (("rgbd",), "rgbd_folder", "train", 20),
    "sun3d": (("sun3d",), "sun3d", "test", 1),
}
SYSTEMS = {
    "vggt": dict(image_size=112, aspect=0.5),
    "deltas": dict(size=(96, 128), crop="centre", resampling="surface"),
}


@pytest.fixture(scope="module", params=[*WRITTEN, *FILMED])
def prepared(request, written, filmed, tmp_path_factory):
    """Name of the layout, its index, preset, split and step."""
    from tests.layouts import create_data

    table = WRITTEN if request.param in WRITTEN else FILMED
    raw = (written if request.param in WRITTEN else filmed)(request.param)
    (command, *options), *rest = table[request.param]
    out = create_data(command, raw, tmp_path_factory.mktemp("out"), *options)
    return request.param, out, *rest


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_index_serves_both_systems(prepared, system):
    """Views that are drawn and views that are spaced meet, with the true poses."""
    layout, out, preset, split, step = prepared
    config = dict(type="PosedViews", preset=preset, data_root=str(out), split=split)
    config |= dict(min_frames=2, frames=2, **SYSTEMS[system])
    if system == "deltas":
        config |= dict(gap=step, min_baseline=0.0)
    data = DATASETS.build(config)
    sample = data[SeededIndex(0, 3)]
    off, depth, _, share = landed(sample, 1)
    assert share > 0.1 and np.median(off / depth) < 0.01
    if layout == "virtual_kitti":
        return
    source = rooms if layout in WRITTEN else films
    views = source.truth(0) if layout in WRITTEN else source.truth(layout, 0)
    numbers = data.sequences[sample["sequence"]]
    first, other = (views[numbers.index(int(n))].cam2world for n in sample["ids"])
    true = invert_rigid(first) @ other
    np.testing.assert_allclose(sample["cam2world"][1], true, atol=3e-5)


def test_deltas_trains_on_drives_too(cache):
    config = dict(type="KITTI360Dataset", data_root=str(cache), frames=2, gap=1)
    data = DATASETS.build(config | dict(size=(56, 168), depth="exact"))
    off, depth, _, share = landed(data[1], 1)
    assert data[1]["name"].endswith("/1-0")
    assert share > 0.3 and np.median(off / depth) < 0.01
