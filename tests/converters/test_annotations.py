import gzip
import json

import numpy as np
import pytest

from vantage3d.converters.annotations import (
    AnnotatedFrame,
    parse_frames,
    read_annotations,
    write_annotations,
)

POSE = np.array([[0.0, -1, 0, 4], [1, 0, 0, 5], [0, 0, 1, 6], [0, 0, 0, 1]])
K = np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]])


def raw(path, content):
    path.write_bytes(gzip.compress(json.dumps(content).encode()))
    return path


def entry(**changes):
    found = {"filepath": "a/1.jpg", "extri": POSE[:3].tolist(), "intri": K.tolist()}
    return {**found, **changes}


def test_round_trip_and_equal_bytes(tmp_path):
    frame = AnnotatedFrame("a/1.jpg", POSE, K, "a/1.png", 0.0254)
    for name in ("x.jgz", "y.jgz"):
        write_annotations(tmp_path / name, {"a": [frame]})
    assert (tmp_path / "x.jgz").read_bytes() == (tmp_path / "y.jgz").read_bytes()
    (found,) = parse_frames("a", read_annotations(tmp_path / "x.jgz")["a"])
    np.testing.assert_array_equal(found.world2cam, POSE)
    np.testing.assert_array_equal(found.K, K)
    assert (found.image, found.depth, found.scale) == ("a/1.jpg", "a/1.png", 0.0254)


def test_the_schema_as_it_was_released(tmp_path):
    """Entries of Co3D have no depth path; 4 x 4 poses are accepted too."""
    content = {"b": [entry(), entry(extri=POSE.tolist())]}
    found = read_annotations(raw(tmp_path / "a.jgz", content))
    first, second = parse_frames("b", found["b"])
    assert (first.depth, first.scale) == ("", 1.0)
    np.testing.assert_array_equal(first.world2cam, second.world2cam)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(extri=POSE[:2].tolist()), r"`extri` has shape \(2, 4\), expected"),
        (dict(intri=[1, 2, 3]), r"`intri` has shape \(3,\), expected \(3, 3\)"),
        (dict(intri="x"), "frame 0 of sequence 'b' is annotated wrongly"),
        (dict(meters_per_asset=None), "frame 0 of sequence 'b' is annotated wrongly"),
        (dict(intri=[[10**400, 0, 0]] * 3), "annotated wrongly .OverflowError"),
    ],
)
def test_broken_entries_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        list(parse_frames("b", [entry(**change)]))
    lacking = entry()
    del lacking["filepath"]
    with pytest.raises(ValueError, match=r"annotated wrongly \(KeyError\('filepath'"):
        list(parse_frames("b", [lacking]))


def test_broken_files_are_named(tmp_path):
    path = raw(tmp_path / "a.jgz", {"b": [entry()]})
    with pytest.raises(FileNotFoundError, match=r"c\.jgz is missing"):
        read_annotations(tmp_path / "c.jgz")
    whole = path.read_bytes()
    for data in (whole[:40], b"no gzip", gzip.compress(b"{"), whole[:-20] + whole[-8:]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"a\.jgz \(\d+ bytes\) is trunc"):
            read_annotations(path)
    path.write_bytes(gzip.compress(b'{"b": [], "b": []}'))
    with pytest.raises(ValueError, match="an object has the key 'b' 2 times"):
        read_annotations(path)
    with pytest.raises(ValueError, match=r"must map sequence names .* got list"):
        read_annotations(raw(path, [entry()]))
