"""The list of several results."""

import re

import numpy as np
import pytest

from tests.results.scenes import room_scene
from vantage3d.cli import main
from vantage3d.results.store import StoredFrames


def test_every_scene_below_has_its_picture_and_links(tmp_path, capsys):
    scene = room_scene()[1]
    for name in ("a rule/tour", "esam/hall & way", "vggt/tour"):
        folder = tmp_path / name
        for frame in scene.frames[:2]:
            StoredFrames(folder / "frames").write(frame, "key")
        if name != "a rule/tour":
            (folder / "page.html").write_text("")
        kept = folder / ".predict" / "frames"  # where a stream keeps its state
        kept.mkdir(parents=True)
        np.savez(kept / "stream.npz", place=1)
    (folder / "depth").mkdir()
    (folder / "depth" / "0.png").write_text("")
    (tmp_path / "a rule" / "scene_ap.png").write_text("")
    main(["index-results", str(tmp_path)])
    text = (tmp_path / "index.html").read_text()
    assert str(tmp_path / "index.html") in capsys.readouterr().out
    assert re.findall("<h2>(.*?)</h2>", text) == [
        "a rule",  # its figure
        "esam/hall &amp; way",
        "vggt/tour",
        "a rule/tour",  # without a page
    ]
    assert '<a href="a%20rule/scene_ap.png"><img src="a%20rule/scene_ap.png"' in text
    links = re.findall('<li.*?href="(.*?)"', text)
    first, *second = links
    assert first == "esam/hall%20%26%20way/page.html"
    assert second == ["vggt/tour/page.html", "vggt/tour/depth/"]
    assert text.count('src="data:image/jpeg;base64,') == 3
    assert text.count("<p>2 frames</p>") == 3


def test_a_folder_without_scenes_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["index-results", str(tmp_path)])
    assert f"{tmp_path} has no scene: a folder frames" in capsys.readouterr().err
