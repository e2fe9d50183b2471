"""``vantage3d weights``: lists, one, unknown names."""

import pytest

from vantage3d.cli import main
from vantage3d.io.released_weights import RELEASED
from vantage3d.process.command import CommandError


def test_all_are_listed_with_what_is_there(capsys, tmp_path):
    (tmp_path / "FastSAM-x.pt").touch()
    with pytest.raises(SystemExit, match="0"):
        main(["weights", "--folder", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    states = {line.split()[0]: line for line in lines if line and line[0] != "i"}
    assert states.keys() >= RELEASED.keys()
    assert " there " in states["fastsam_x"] and " absent " in states["vggt_1b"]


def test_a_file_that_is_not_the_published_one_is_told(capsys, tmp_path):
    (tmp_path / "sam_vit_h_4b8939.pth").touch()
    with pytest.raises(SystemExit, match="1"):
        main(["weights", "sam_vit_h", "--folder", str(tmp_path)])
    said = capsys.readouterr().out
    assert "OTHER HASH" in said and "Apache-2.0" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [(["vggt"], "unknown weights ['vggt']"), (["fetch"], "fetch needs a NAME")],
)
def test_wrong_words(words, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["weights", *words])
    assert message in capsys.readouterr().err


def test_fetching_says_the_licence_first(tmp_path):
    with pytest.raises(CommandError, match="military use is not"):
        main(["weights", "fetch", "vggt_1b_commercial", "--folder", str(tmp_path)])
