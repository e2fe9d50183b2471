"""Info files never run code, and say what is wrong with them."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from tests.shared import ROOT
from vantage3d.io.infos import load_info, save_info

ENTRY = {"sample_idx": "scene0000_00_0", "pose": np.eye(4), "num_points": np.int64(5)}


def test_json_round_trip_and_equal_bytes(tmp_path):
    save_info(tmp_path / "a.json", {"dataset": "x", "categories": {"b": 0}}, [ENTRY])
    info = load_info(tmp_path / "a.json")
    assert info["metainfo"] == {"dataset": "x", "categories": {"b": 0}}
    assert info["data_list"] == [{**ENTRY, "pose": np.eye(4).tolist()}]
    reordered = dict(reversed(list(info["data_list"][0].items())))
    save_info(tmp_path / "b.json", info["metainfo"], [reordered])
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_an_empty_list_round_trips(tmp_path):
    save_info(tmp_path / "a.json", {}, [])
    assert load_info(tmp_path / "a.json") == {"metainfo": {}, "data_list": []}


def test_nan_is_not_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_info(tmp_path / "a.json", {}, [{"pose": np.nan}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_legacy_pickles_of_every_protocol(tmp_path, protocol):
    entry = {**ENTRY, "raw": b"\xff\x00", "names": np.array(["a", "b"])}
    entry["mixed"] = np.array([1, "a", None], dtype=object)
    content = {"metainfo": {"dataset": "scannet200_sv"}, "data_list": [entry]}
    path = tmp_path / "x_oneformer3d_infos_val.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    info = load_info(path)
    assert info["metainfo"] == {"dataset": "scannet200_sv"}
    assert info["data_list"] == [
        {
            "sample_idx": "scene0000_00_0",
            "pose": np.eye(4).tolist(),
            "num_points": 5,
            "raw": b"\xff\x00",
            "names": ["a", "b"],
            "mixed": [1, "a", None],
        }
    ]


def test_mmengine_dump_is_read(tmp_path):
    from mmengine import dump

    dump({"metainfo": {}, "data_list": [ENTRY]}, str(tmp_path / "x.pkl"))
    pose = load_info(tmp_path / "x.pkl")["data_list"][0]["pose"]
    assert pose == np.eye(4).tolist()


def test_bare_list_form(tmp_path):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([ENTRY]))
    info = load_info(tmp_path / "x.pkl")
    assert info["metainfo"] == {}
    assert info["data_list"][0]["num_points"] == 5


class Malicious:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_malicious_pickle_is_refused_by_name(tmp_path, protocol):
    canary = tmp_path / "canary"
    bad = {"metainfo": {}, "data_list": [{"pose": Malicious(canary)}]}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(bad, protocol))
    with pytest.raises(ValueError, match=r"x\.pkl wants to use (posix|os)\.system"):
        load_info(tmp_path / "x.pkl")
    assert not canary.exists()


def test_dotted_names_are_no_way_round(tmp_path):
    payload = b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93."
    (tmp_path / "x.pkl").write_bytes(payload)
    with pytest.raises(ValueError, match=r"wants to use numpy\.ndarray\.dumps"):
        load_info(tmp_path / "x.pkl")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(VO\ntRVx\ntR.", "object"),
        (b"c_codecs\nencode\n(Vx\nVzlib\ntR.", "encoding 'zlib'"),
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntVb\ntR.",
            "type",
        ),
    ],
)
def test_the_stand_ins_take_plain_data_only(tmp_path, build, message):
    (tmp_path / "x.pkl").write_bytes(build)
    with pytest.raises(ValueError, match=message):
        load_info(tmp_path / "x.pkl")


def test_truncated_files(tmp_path):
    save_info(tmp_path / "a.json", {}, [ENTRY])
    whole = (tmp_path / "a.json").read_bytes()
    (tmp_path / "a.json").write_bytes(whole[:-9])
    with pytest.raises(ValueError, match=r"a\.json is truncated or no JSON"):
        load_info(tmp_path / "a.json")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([ENTRY])[:-9])
    with pytest.raises(ValueError, match=r"a\.pkl is truncated or damaged"):
        load_info(tmp_path / "a.pkl")


def test_other_content(tmp_path):
    (tmp_path / "a.json").write_text('{"annotations": []}')
    with pytest.raises(ValueError, match=r"list `data_list`, got \['annotations'\]"):
        load_info(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"data_list": [{}, 3]}')
    with pytest.raises(
        ValueError, match="entry 1 of `data_list` must be a dict, got 3"
    ):
        load_info(tmp_path / "a.json")
    (tmp_path / "a.yaml").touch()
    with pytest.raises(ValueError, match=r"ends in '\.yaml', expected \.json or \.pkl"):
        load_info(tmp_path / "a.yaml")
    with pytest.raises(FileNotFoundError, match=r"gone\.json is missing"):
        load_info(tmp_path / "gone.json")


DTYPE = b"cnumpy\ndtype\n"
FAKE_POINTERS = b"V" + b"A" * 8 + b"\nVlatin1\n"
NO_OBJECTS = b"(I3\nV|\nN(Va\nt(dVa\n(" + DTYPE + b"(VO8\ntRI0\ntsI8\nI1\nI0\ntb"


@pytest.mark.parametrize(
    "payload",
    [
        # A structure with an object member whose flags deny it: 8 bytes as a pointer.
        b"cnumpy.core.multiarray\nscalar\n(" + DTYPE + b"(VV8\ntR" + NO_OBJECTS
        + b"c_codecs\nencode\n(" + FAKE_POINTERS + b"tRtR.",
        b"cnumpy.core.multiarray\nscalar\n(" + DTYPE + b"(Vf8\ntR" + NO_OBJECTS
        + b"c_codecs\nencode\n(" + FAKE_POINTERS + b"tRtR.",
        b"cnumpy.core.numeric\n_frombuffer\n(c_codecs\nencode\n(" + FAKE_POINTERS
        + b"tR" + DTYPE + b"(VV8\ntR" + NO_OBJECTS + b"(I1\ntVC\ntR.",
    ],
)  # fmt: skip
def test_a_layout_that_lies_about_pointers_is_refused(tmp_path, payload):
    (tmp_path / "x.pkl").write_bytes(payload)
    code = "import sys; from vantage3d.io.infos import load_info\n"
    code += "try: load_info(sys.argv[1])\n"
    code += "except ValueError as error: print(error)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "x.pkl"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "projects")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    assert "numpy dtype" in done.stdout


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (DTYPE + b"(VM8[D]\ntR.", r"numpy dtype 'M8\[D\]'"),
        (DTYPE + b"(]tR.", r"numpy dtype \[\]"),
        (b"cnumpy\nndarray\n(I9\ntR.", "not callable"),
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR.",
            "array without values",
        ),
        (
            b"cnumpy.core.multiarray\nscalar\n(" + DTYPE + b"(Vf8\ntRVtext\ntR.",
            "numpy values as 'text'",
        ),
    ],
)
def test_only_plain_arrays_are_built(tmp_path, build, message):
    (tmp_path / "x.pkl").write_bytes(build)
    with pytest.raises(ValueError, match=message):
        load_info(tmp_path / "x.pkl")


def test_orders_and_types_of_arrays(tmp_path):
    arrays = [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.array([b"ab", b"c"]),
        np.array(["ab", "c"], dtype=">U2"),
        np.float32(0.5),
        np.zeros((0, 3)),
    ]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        entry = {str(number): array for number, array in enumerate(arrays)}
        (tmp_path / "x.pkl").write_bytes(pickle.dumps([entry], protocol))
        (read,) = load_info(tmp_path / "x.pkl")["data_list"]
        assert list(read.values()) == [array.tolist() for array in arrays]
