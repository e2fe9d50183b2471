"""What is shown of a stream, read back, and the page that shows it."""

import socket
import urllib.request

import numpy as np
import pytest

from tests.esam.online.test_long import frame, stream, weights
from vantage3d.esam.online.viewer import EVERY, SHADES, StreamViewer, picture

__all__ = ["stream", "weights"]


def test_frames_scene_and_table_are_on_the_time_line(stream, tmp_path, monkeypatch):
    rerun = pytest.importorskip("rerun")
    viewer = StreamViewer(tmp_path / "live.rrd")
    monkeypatch.setattr(stream, "viewer", viewer)
    frames = [frame(number) for number in range(0, 6 * (EVERY + 2), 6)]
    found = list(stream.stream(frames))
    viewer.live.close()
    view = rerun.dataframe.load_recording(tmp_path / "live.rrd").view(
        index="frame", contents="/**"
    )
    shown = view.select().read_all().drop_columns(["log_time"]).to_pydict()
    assert shown["frame"] == list(range(len(frames)))
    places = np.array(shown["/world/camera:Translation3D"])[:, 0]
    expected = [one.cam2world[:3, 3] for one in frames]
    np.testing.assert_allclose(places, expected, atol=1e-5)
    clouds = [cloud for cloud in shown["/world/scene:Position3D"] if cloud]
    assert len(clouds) == 2 and len(clouds[0]) < len(clouds[1])
    path = shown["/world/trajectory:LineStrip3D"][EVERY][0]
    np.testing.assert_allclose(path, expected[: EVERY + 1], atol=1e-5)
    text = shown["/table:Text"][0][0]
    assert f"{len(found[0].instances.tracks)} instances" in text
    colors = np.array(shown["/world/scene:Color"][0], np.uint32)
    rgb = np.stack([colors >> 24, colors >> 16 & 255, colors >> 8 & 255], 1)
    first = np.unique(found[0].instances.tracks)
    known = {tuple(SHADES[one]) for one in first} | {(120, 120, 120)}
    assert set(map(tuple, rgb.tolist())) <= known


def test_instances_have_the_colours_of_their_ids(stream):
    stream.reset()
    found = stream._step(frame(0))
    image, K = picture(found)
    np.testing.assert_allclose(K, found.K)
    ids = found.instances.tracks[found.instances.ids()]
    expected = (0.55 * SHADES[ids]).astype(np.uint8)  # over black
    np.testing.assert_array_equal(image, expected)


def test_a_page_is_served(stream):
    pytest.importorskip("rerun")
    ports = free_port(), free_port()
    viewer = StreamViewer("page", ports)
    assert str(ports[0]) in viewer.live.url and str(ports[1]) in viewer.live.url
    stream.reset()
    viewer(stream, stream.frame(**frame(0)._asdict()))
    address = f"http://localhost:{ports[0]}/"
    with urllib.request.urlopen(address, timeout=30) as page:
        assert b"re_viewer" in page.read()
    viewer.live.close()


def test_nothing_is_given_to_the_page_while_it_is_made(monkeypatch):
    """One start in fifty hung: rerun 0.23 sends a blueprint in a thread that needs the
    GIL to free it, while `serve_web` holds the GIL until it is sent."""
    rerun = pytest.importorskip("rerun")
    calls = []

    def made(name):
        return lambda self, *args, **options: calls.append((name, options))

    for name in ("serve_web", "send_blueprint"):
        monkeypatch.setattr(rerun.RecordingStream, name, made(name))
    StreamViewer("page", (1, 2))
    options = {"open_browser": False, "web_port": 1, "grpc_port": 2}
    assert calls == [("serve_web", options), ("send_blueprint", {})]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]
