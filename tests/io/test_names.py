"""Public ids: whatever a name holds, its file is its own and stays in its folder."""

import re

import pytest

from vantage3d.io.names import check_public, check_unique, public_name


def said(public: str) -> str:
    """The way back, which shows that no two names have one id."""
    shown = re.sub(r"^_(?=_*\.[0-9a-f]{2})", "", public).encode()
    data = re.sub(rb"\.([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), shown)
    return data.decode("utf-8", "surrogateescape")


NAMES = (
    *("scene0000_00", "frame-000001.color", "A.b", "v1.2", "desk/cam0", "desk_cam0"),
    *("Küche 1", "a.2fb", "a/b", "..", ".", ".hidden", "a..2f", "../../x", "a\0b"),
    *("x.ab", "x.ABc", "x.a.b", ".", "..20", "\udcff", "一", "a%b", "~", "-", "_"),
    *("Ü1", "_Ü1", "__Ü1", "_.c3", "_ x", " x", "_", "__"),
)


@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_way_back(name):
    public = public_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", public)
    assert said(public) == name


def test_usual_names_stay():
    for name in ("scene0000_00", "frame-000001.color", "v1.x", "IMG_0042"):
        assert public_name(name) == name


def test_names_that_joined_to_one_are_told_apart():
    assert public_name("desk/cam0") == "desk.2fcam0" != public_name("desk_cam0")
    assert public_name("a.2fb") == "a.2e2fb" != public_name("a/b")
    assert public_name("Küche 1") == "K.c3.bcche.201"


def test_no_name():
    with pytest.raises(ValueError, match="a name is empty"):
        public_name("")


def test_two_of_one_id_are_refused_by_name():
    check_unique([("a_1", "frame 1 of a"), ("a_2", "frame 2 of a")])
    message = r"frame 1_2 of a and frame 2 of a_1 would both be called 'a_1_2'"
    with pytest.raises(ValueError, match=message):
        check_unique([("a_1_2", "frame 1_2 of a"), ("a_1_2", "frame 2 of a_1")])


@pytest.mark.parametrize("name", ["scene0000_00_200", "desk.2fcam.200_1", "-a", "a..b"])
def test_public_ids_are_taken(name):
    assert check_public(name, "a.json") == name


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "/a", "", ".a", "a b", "Küche", "a\0", 7, None, ["a"]]
)
def test_other_names_are_refused_before_a_file_is_called_by_them(name):
    message = re.escape(f"a.json has the name {name!r}. Files are called by it")
    with pytest.raises(ValueError, match=message):
        check_public(name, "a.json")


def test_a_long_name_is_refused():
    with pytest.raises(
        ValueError, match=r"'aaa.*\.\.\. of 201 letters, allowed .* 200"
    ):
        check_public("a" * 201, "a.json")
