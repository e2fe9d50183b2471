"""Rooms on disk, written wrongly one way at a time: what is said of them."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.shared import need
from tools.check_recording import main
from vantage3d.geometry import distance_to_depth, invert_rigid
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.findings import errors
from vantage3d.recordings.options import AXES, Remedies
from vantage3d.recordings.preflight import check_sequence
from vantage3d.synthetic import write_rgbd_folder

SCENE = "scene0000_00"
FRAMES = list(range(0, 120, 10))
OPENGL = np.array(AXES["opengl"])


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    root = tmp_path_factory.mktemp("room") / "rooms"
    write_rgbd_folder(root, 1, 0, FRAMES, (160, 120), 1)
    return root


@pytest.fixture
def copied(room, tmp_path):
    return shutil.copytree(room, tmp_path / "rooms") / SCENE


def check(folder, **remedies):
    recording = open_recording(folder, remedies=Remedies(**remedies))
    (finding,) = check_sequence(recording, SCENE).findings
    return finding


def change_poses(folder, change):
    for path in (folder / "pose").iterdir():
        np.savetxt(path, change(np.loadtxt(path)))


def change_depth(folder, change):
    for path in (folder / "depth").iterdir():
        depth = np.asarray(Image.open(path)).astype(np.float64)
        Image.fromarray(change(depth).round().astype(np.uint16)).save(path)


def change_focal(folder, factor):
    K = np.loadtxt(folder / "intrinsic.txt")
    K[[0, 1], [0, 1]] *= factor
    np.savetxt(folder / "intrinsic.txt", K)


def millimetres(pose):
    return np.block([[pose[:3, :3], 1000 * pose[:3, 3:]], [pose[3:]]])


def along_rays(folder):
    K = np.loadtxt(folder / "intrinsic.txt")
    change_depth(folder, lambda d: d / distance_to_depth(np.ones_like(d), K))


def mirror_color(folder):
    for path in (folder / "color").iterdir():
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)


def test_a_right_recording_is_told_its_agreement(room):
    finding = check(room / SCENE)
    assert finding.level == "info"
    assert "of the points that another view sees lie on its surface" in finding.text
    assert int(finding.text.split("%")[0].split()[-1]) > 90


WRONG = {
    "inverted": (
        lambda folder: change_poses(folder, invert_rigid),
        r"the poses are world-to-camera, .* \(RGB-D folder\) are camera-to-world",
        "--poses world2cam",
    ),
    "axes": (
        lambda folder: change_poses(folder, lambda pose: pose @ OPENGL),
        r"have OpenGL axes \(x right, y up, z backward\)",
        "--axes opengl",
    ),
    "millimetres": (
        lambda folder: change_poses(folder, millimetres),
        "translations of the poses are in millimetres",
        "--pose-units 1000",
    ),
    "scale": (
        lambda folder: change_depth(folder, lambda depth: 5 * depth),
        "depth is 5 times too large: the depth maps have 5000 units per metre, not 100",
        "--depth-scale 5000",
    ),
    "rays": (along_rays, "depth maps hold the distance along the ray", "--along-rays"),
}


def remedies_of(text):
    """Keyword arguments of options as a message has them."""
    words = iter(text.removeprefix("Give ").split())
    found = {}
    for word in words:
        name = word.removeprefix("--").replace("-", "_")
        value = True if name == "along_rays" else next(words)
        number = name in ("depth_scale", "pose_units")
        found[name] = float(value) if number else value
    return found


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named_and_its_remedy_mends_it(copied, name):
    damage, text, remedy = WRONG[name]
    damage(copied)
    finding = check(copied)
    # Distances along rays are a few percent off: a slow camera hardly shows it.
    assert finding.level == "error" or (name, finding.level) == ("rays", "warning")
    assert finding.remedy == f"Give {remedy}"
    with pytest.raises(ValueError, match=text):
        raise ValueError(finding.text)
    assert check(copied, **remedies_of(finding.remedy)).level == "info"


def test_two_mistakes_are_named_together(copied):
    change_poses(copied, lambda pose: invert_rigid(pose @ OPENGL))
    change_depth(copied, lambda depth: 5 * depth)
    finding = check(copied)
    given = remedies_of(finding.remedy)
    assert given == {"poses": "world2cam", "axes": "opengl", "depth_scale": 5000}


def test_a_remedy_builds_on_what_was_given(copied):
    change_depth(copied, lambda depth: depth / 2)
    change_poses(copied, invert_rigid)
    finding = check(copied, depth_scale=2500.0, poses="world2cam")
    assert finding.remedy == "Give --depth-scale 500"
    assert "5 times too small" in finding.text


@pytest.mark.parametrize(("factor", "word"), [(1.05, "long"), (0.95, "short")])
def test_a_focal_length_five_percent_off_is_told(copied, factor, word):
    change_focal(copied, factor)
    finding = check(copied)
    assert finding.level in ("warning", "error")
    assert f"too {word}: about 14" in finding.text  # 144.5 pixels
    assert "Calibrate the camera" in finding.remedy


def test_mirrored_colour_is_told_in_words(copied):
    mirror_color(copied)
    finding = check(copied)
    assert (
        finding.level == "error" and finding.remedy == "Mirror the colour images back"
    )


def test_without_depth_poses_are_checked_by_matches_between_images(copied, tmp_path):
    shutil.rmtree(copied / "depth")
    right = check(copied)
    assert right.level != "error"
    assert "matches between views lie on their epipolar lines" in right.text
    change_poses(copied, invert_rigid)
    finding = check(copied)
    assert finding.level == "error", finding
    assert finding.remedy == "Give --poses world2cam"
    assert "as the files are read, 0% of " in finding.text
    with pytest.raises(SystemExit):
        main([str(copied), "--out", str(tmp_path / "out")])
    assert Image.open(tmp_path / "out" / "pair_0.png").width > 900  # three panels


def test_what_a_still_camera_does_not_tell_is_a_doubt_with_its_figure(copied):
    for path in (copied / "pose").iterdir():
        np.savetxt(path, np.loadtxt(copied / "pose" / "0.txt"))
    first, (folder, names) = "0", (copied, ("color", "depth"))
    for kind in names:
        (source,) = (folder / kind).glob(f"{first}.*")
        for path in (folder / kind).iterdir():
            if path != source:
                shutil.copy(source, path)
    moved = np.loadtxt(copied / "pose" / "0.txt")
    for number, path in enumerate(sorted((copied / "pose").iterdir())):
        moved[0, 3] += 1e-5 * number
        np.savetxt(path, moved)
    finding = check(copied)
    assert finding.level == "warning"
    assert "the camera hardly moved; these views would not show" in finding.text
    assert "poses or colour up to 5 frames off" in finding.text
    assert "a focal length -30 to +40 % off" in finding.text
    assert "standard errors" in finding.text


def test_the_command_prints_it_and_ends_with_two(copied, tmp_path, capsys):
    change_poses(copied, invert_rigid)
    with pytest.raises(SystemExit) as end:
        main([str(copied), "--out", str(tmp_path / "out")])
    assert end.value.code == 2
    printed = capsys.readouterr().out
    assert "RGB-D folder, 1 sequence" in printed
    assert "colour: 160x120" in printed and "frames: 12" in printed
    assert "error: " in printed and "Give --poses world2cam" in printed
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    levels = [f["level"] for f in report["looked_at"][0]["findings"]]
    assert levels.count("error") == 1
    assert Image.open(tmp_path / "out" / "pair_0.png").width > 900


@pytest.mark.parametrize(
    "place",
    ["sevenscenes_tsdf", "deltas_scannet_sample/scannet_sample/scans_test"],
)
def test_real_recordings_pass(place):
    recording = open_recording(need(f"data/{place}"))
    for sequence in recording.sequences():
        found = check_sequence(recording, sequence).findings
        assert found and not errors(found), found
