"""The table of released weights: its text, what is there, what a message says."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from vantage3d.io.released_weights import FOLDER, RELEASED, how_to_fetch, markdown

ROOT = Path(__file__).resolve().parents[2]


def test_the_document_is_the_table():
    text = (ROOT / "docs/weights.md").read_text()
    assert markdown() in text, "put `vantage3d weights --markdown` into docs/weights.md"


def test_every_line_says_what_for_from_where_and_under_which_terms():
    for name, released in RELEASED.items():
        assert released.name == name and name.isidentifier() and name.islower()
        assert released.used_for and released.licence and released.files
        assert released.places, name
        assert released.sha256 == "-" or len(bytes.fromhex(released.sha256)) == 32
        assert not released.repo or released.files[0].endswith(".safetensors")


def test_no_two_have_a_file_in_common():
    files = [file for released in RELEASED.values() for file in released.files]
    assert len(files) == len(set(files))


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_what_to_do_about_a_missing_file(name):
    released = RELEASED[name]
    text = how_to_fetch(f"some/{released.files[0]}")
    assert f"docs/weights.md#{name}" in text and released.option in text
    assert (f"`vantage3d weights fetch {name}`" in text) == bool(released.repo)
    if not released.package:
        assert f"some/{released.files[0]}" in text


def test_a_file_of_the_users_own_has_no_line():
    assert how_to_fetch("work_dirs/mine/epoch_3.pth") == ""


def test_state_of_a_file(tmp_path):
    released = RELEASED["sam_vit_h"]
    assert released.state(tmp_path) == "absent"
    file = tmp_path / released.files[0]
    file.write_bytes(b"not it")
    assert released.state(tmp_path) == f"OTHER HASH: {file}"
    right = replace(released, sha256=hashlib.sha256(b"not it").hexdigest())
    assert right.state(tmp_path) == "there, hash agrees"
    assert replace(released, sha256="-").state(tmp_path) == "there"


def test_a_file_of_an_installed_package_is_found():
    """Of any package: its metadata say which files it has."""
    released = replace(
        RELEASED["efficientnet_lite2"], package="pytest==9", files=("py.typed",)
    )
    assert released.local_file(FOLDER).is_file()
    absent = replace(released, package="no-such-package-of-weights")
    assert absent.local_file(FOLDER) is None
