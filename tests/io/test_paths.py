"""What files name lies inside the folders that were declared, or is refused by name."""

import re

import pytest

from vantage3d.io.paths import check_path, inside


@pytest.fixture
def folders(tmp_path):
    """A declared folder with a file, and one beside it with a file and links to it."""
    for name in ("root", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"x")
    (tmp_path / "root/link.png").symlink_to(tmp_path / "secret/a.png")
    (tmp_path / "root/scene").symlink_to(tmp_path / "secret")
    (tmp_path / "root/within.png").symlink_to("a.png")
    (tmp_path / "rooted").mkdir()
    return tmp_path


WITHIN = (
    "a.png",
    "./a.png",
    "within.png",
    "folder/../a.png",
    "new/Küche 1/b.png",
    "..a",
)
OUTSIDE = ("../secret/a.png", "link.png", "scene/a.png", "a/../../secret/a.png", "..")
OUTSIDE += ("../rooted/a.png", "/etc/passwd", "scene/new.png")


@pytest.mark.parametrize("name", WITHIN)
def test_a_path_below_the_folder_is_taken_as_it_is(folders, name):
    assert inside(folders / "root", name, "a list") == folders / "root" / name


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_path_that_leads_out_is_refused_by_name(folders, name):
    message = (
        rf"^list\.txt names {re.escape(repr(name))}, which is .* outside of .*root"
    )
    with pytest.raises(ValueError, match=message):
        inside(folders / "root", name, "list.txt")


def test_an_absolute_path_is_judged_by_where_it_leads(folders):
    own, other = folders / "root/a.png", folders / "secret/a.png"
    assert inside(folders / "root", str(own), "list.txt") == own
    with pytest.raises(ValueError, match=rf"names '{other}'.* --extra-root"):
        inside(folders / "root", str(other), "list.txt")


@pytest.mark.parametrize("name", ["../secret/a.png", "link.png", "scene/a.png"])
def test_a_declared_folder_is_allowed(folders, name):
    roots = folders / "root", folders / "secret"
    inside(folders / "root", name, "list.txt", roots)


def test_a_folder_that_is_a_link_is_no_root_of_its_own(folders):
    with pytest.raises(ValueError, match=r"names 'a\.png', which is .*secret/a\.png"):
        inside(folders / "root/scene", "a.png", "list.txt", [folders / "root"])


def test_the_folder_itself_may_be_a_link(folders):
    (folders / "data").symlink_to(folders / "root")
    assert inside(folders / "data", "a.png", "list.txt") == folders / "data/a.png"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a\0.png", r"names 'a\\x00\.png', which has characters of no path"),
        ("a\nb", r"names 'a\\nb', which has characters of no path"),
        ("\ud800", r"which has characters of no path"),
        ("a" * 256, r"a path of 256 bytes, 'aaa.*a part of 256: allowed are 4096"),
        ("a/" * 2049, r"a path of 4098 bytes"),
        ("", r"list\.txt has '' in place of the path of a file"),
        (7, r"list\.txt has 7 in place of the path"),
        (None, r"list\.txt has None in place of the path"),
    ],
)
def test_what_no_file_can_be_called_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        check_path(name, "list.txt")
