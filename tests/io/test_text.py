"""Lists that people write by hand."""

import pytest

from vantage3d.io.text import read_list


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_list_needs_no_last_newline(tmp_path, end):
    (tmp_path / "scenes.txt").write_text("scene0000_00\nscene0001_00" + end)
    assert read_list(tmp_path / "scenes.txt") == ["scene0000_00", "scene0001_00"]
