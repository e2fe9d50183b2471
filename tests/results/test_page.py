"""The page: what it holds, how large it grows, and what a browser shows of it."""

import json
import re
import shutil
import subprocess
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.results.scenes import room_scene
from vantage3d.results import FramePrediction, ScenePrediction, page
from vantage3d.results.cloud import scene_cloud

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
# A new profile, no network, and a software renderer in place of a graphics card.
FLAGS = (
    *("--headless", "--no-sandbox", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--hide-scrollbars", "--window-size=900,600", "--virtual-time-budget=3000"),
)

USED = """<script>
const at = (kind, x, y, more) => canvas.dispatchEvent(new PointerEvent(kind,
  {clientX: x, clientY: y, pointerId: 1, buttons: 1, bubbles: true, ...more}));
canvas.setPointerCapture = () => {};
for (const shiftKey of [false, true]) {
  at("pointerdown", 400, 300);
  at("pointermove", 420, 310, {shiftKey});
  at("pointerup", 420, 310);
}
canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: -50, cancelable: true}));
canvas.dispatchEvent(new MouseEvent("dblclick", {clientX: 450, clientY: 300}));
for (const key of ["ArrowRight", "c", "ArrowLeft", " ", " "])
  dispatchEvent(new KeyboardEvent("keydown", {key}));
at("pointerdown", 400, 300); at("pointermove", 401, 300); at("pointerup", 401, 300);
document.querySelector("tbody tr").click();
document.querySelector("tbody td").click();
$("all").click(); $("home").click();
if (state.frame !== 0 || through !== null) throw new Error("not where it began");
</script>"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return page.write(room_scene()[1], folder)[0]


def facts_of(path):
    text = path.read_text()
    found = re.search(r'<script id="facts"[^>]*>(.*?)</script>', text, re.DOTALL)
    points = re.search(r'<script id="points"[^>]*>(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1]), b64decode(points[1])


def test_points_are_those_of_the_cloud(written):
    facts, data = facts_of(written)
    cloud = scene_cloud(room_scene()[1])
    count, begins = len(cloud.points), facts["begins"]
    assert facts["count"] == count
    places = np.frombuffer(data, "<u2", 3 * count, begins["place"]).reshape(-1, 3)
    points = np.array(facts["low"]) + places / 65535 * facts["span"]
    np.testing.assert_allclose(points, cloud.points, atol=1e-4)
    owners = np.frombuffer(data, "<u2", count, begins["owner"])
    np.testing.assert_array_equal(owners, cloud.instances + 1)
    frames = np.frombuffer(data, "<u2", count, begins["from"])
    np.testing.assert_array_equal(frames, cloud.frames)
    rgb = np.frombuffer(data, "u1", 3 * count, begins["rgb"]).reshape(-1, 3)
    np.testing.assert_array_equal(rgb, cloud.colors)
    sure = np.frombuffer(data, "u1", count, begins["sure"])
    assert (np.diff(sure[np.argsort(cloud.confidence)].astype(int)) >= 0).all()
    assert sure.min() == 0 and sure.max() == 255
    labels = [row["label"] for row in facts["instances"]]
    assert labels == [row.label for row in cloud.table]


def test_the_page_needs_nothing_else(written):
    """Not a file, and nobody else's address."""
    text = written.read_text()
    assert not re.search(r"https?://|src=\"|@import|url\(", text)


def test_names_are_text_and_never_markup(tmp_path):
    frame = room_scene()[1].frames[0]
    names = tuple(f"</script><b>{name}" for name in frame.instances.classes)
    instances = replace(frame.instances, classes=names)
    one = ScenePrediction("one", [replace(frame, instances=instances)])
    (path,) = page.write(one, tmp_path)
    assert "<b>" not in path.read_text()
    assert facts_of(path)[0]["instances"][0]["label"] in names


def test_points_belong_to_the_last_frame_with_pictures_before_them(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(page, "MOST_FRAMES", 2)
    scene = room_scene()[1]
    facts, data = facts_of(page.write(scene, tmp_path)[0])
    assert [frame["place"] for frame in facts["frames"]] == [0, 3]
    frames = np.frombuffer(data, "<u2", facts["count"], facts["begins"]["from"])
    np.testing.assert_array_equal(frames, scene_cloud(scene).frames == 3)


def test_the_smallest_instances_are_left_out_of_a_long_table(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST_INSTANCES", 3)
    scene = room_scene()[1]
    facts, data = facts_of(page.write(scene, tmp_path)[0])
    cloud = scene_cloud(scene)
    counts = np.bincount(cloud.instances[cloud.instances >= 0])
    listed = [row["number"] for row in facts["instances"]]
    assert listed == sorted(np.argsort(-counts)[:3])
    assert [row["points"] for row in facts["instances"]] == counts[listed].tolist()
    owners = np.frombuffer(data, "<u2", facts["count"], facts["begins"]["owner"])
    for place, number in enumerate(listed, 1):
        np.testing.assert_array_equal(owners == place, cloud.instances == number)


def test_pictures_become_fewer_where_they_fill_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "LARGEST", 100_000)
    (path,) = page.write(room_scene()[1], tmp_path)
    assert path.stat().st_size <= 100_000
    assert len(facts_of(path)[0]["frames"]) < 4


def test_points_become_fewer_until_the_page_is_small_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "LARGEST", 3_000_000)
    size = 480, 640
    K = np.array([[500.0, 0, 319.5], [0, 500, 239.5], [0, 0, 1]])
    color = np.broadcast_to(np.uint8([90, 120, 150]), (*size, 3))
    depth = np.full(size, 3.0, np.float32)
    wall = FramePrediction("wall", color, K, depth, cam2world=np.eye(4))
    scene = ScenePrediction("wall", [wall])
    assert len(scene_cloud(scene).points) > 200_000
    (path,) = page.write(scene, tmp_path)
    assert 1_500_000 < path.stat().st_size <= 3_000_000


@pytest.mark.skipif(BROWSER is None, reason="no chromium: apt-get install chromium")
@pytest.mark.parametrize("mode", ["color", "instances"])
def test_a_browser_shows_the_points(written, tmp_path, mode):
    """Without cameras and panels: pixels in the colours of points, and no others.

    The second page was used before: turned, moved, approached, clicked at.
    """
    page_ = written
    if mode == "instances":
        page_ = tmp_path / "used.html"
        page_.write_text(written.read_text() + USED)
    image = screenshot(page_, f"mode={mode}&bare", tmp_path)
    facts, _ = facts_of(written)
    high = image.max(-1).astype(int)
    lit = (high - image.min(-1) > 40) & (high > 70)  # the background is a dark grey
    assert 0.15 < lit.mean() < 0.9
    if mode == "instances":
        hues = np.array([row["color"] for row in facts["instances"]], float)
        hues /= np.linalg.norm(hues, axis=1, keepdims=True)
        shown = image[lit].astype(float)
        shown /= np.linalg.norm(shown, axis=1, keepdims=True)
        nearest = (shown @ hues.T).argmax(1)
        assert ((shown @ hues.T).max(1) > 0.93).mean() > 0.95
        large = [r["number"] for r in facts["instances"] if r["points"] > 2000]
        assert len(set(large) & set(nearest)) > 0.5 * len(large)


def screenshot(path, asked, folder):
    """(H, W, 3) of the page as a browser shows it; errors of its script are ours."""
    shot = folder / "shot.png"
    profile = f"--user-data-dir={folder / 'profile'}"
    address = f"{path.as_uri()}#{asked}"
    command = [BROWSER, *FLAGS, profile, "--enable-logging=stderr"]
    command += [f"--screenshot={shot}", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert shot.is_file() and not said, (said, done.stderr[-500:])
    return np.asarray(Image.open(shot).convert("RGB"))
