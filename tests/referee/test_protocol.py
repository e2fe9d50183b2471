"""Protocols: what their files say, and what their hashes hold fast."""

import re

import pytest

from tests.shared import ROOT
from vantage3d.referee.protocol import FOLDER, find_protocol, read_protocol, shipped
from vantage3d.referee.tasks import TASKS, find_task

# A choice that changes takes a new version, and then alone a new hash stands here.
HASHES = {
    "ate-sim3": (1, "2b298fb7e5e4"),
    "esam-2024": (1, "17dc2bcb8d42"),
    "esam-single-view": (1, "3bc87ad7b515"),
    "kitti-eigen": (1, "e9f703c89245"),
    "kitti-odometry": (1, "86ff17028ec5"),
    "ours-window": (1, "8b61e9210acd"),
    "reconstruction-5cm": (1, "df0b43d438bd"),
    "robustmvd": (1, "00fc878d9b87"),
    "scannet-mvs": (1, "783da30d4450"),
    "scannet-official": (1, "8537e2aa045d"),
    "scannet-simplerecon": (1, "6020b2571132"),
    "scannet200-official": (1, "2f8b0d7f9a2a"),
    "stream-ids": (1, "090dae54b772"),
    "strict": (1, "f9f204bf689a"),
    "vggt-auc": (1, "2bfb6aa6dd55"),
}


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_protocol_keeps_its_choices(name):
    protocol = shipped()[name]
    assert (protocol.version, protocol.hash[:12]) == HASHES[name]


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_protocol_says_every_choice_and_its_task_reads_each(name):
    protocol = shipped()[name]
    assert protocol.name == name and protocol.title and protocol.citation
    for choice in protocol.choices.values():
        assert choice.says.strip().endswith(".")
    assert find_task(protocol.task, name).protocol == protocol
    assert protocol.task in TASKS


def test_the_document_has_every_protocol_and_format():
    text = (ROOT / "docs" / "evaluate.md").read_text()
    kinds = [
        kind.name
        for protocol in shipped().values()
        for task in [find_task(protocol.task, protocol.name)]
        for kind in (*task.readers, *task.truth_readers)
    ]
    missing = [one for one in {*kinds, *shipped()} if f"| `{one}` |" not in text]
    assert missing == []


def changed(tmp_path, *pairs):
    text = (FOLDER / "strict.toml").read_text()
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / "own.toml"
    path.write_text(text)
    return path


def test_the_hash_is_of_values_and_not_of_words(tmp_path):
    strict = shipped()["strict"].hash
    words = changed(tmp_path, ("Masks over points", "The masks over points"))
    assert read_protocol(words).hash == strict
    values = changed(tmp_path, ("value = 100\n", "value = 101\n"))
    assert read_protocol(values).hash != strict


def test_an_own_protocol_is_a_path(tmp_path):
    own = changed(tmp_path, ('"strict"', '"mine"'), ("value = 100\n", "value = 7\n"))
    assert find_task("instances", str(own)).rules.min_region == 7


def test_an_unknown_protocol_is_named():
    with pytest.raises(ValueError, match=r"`protocol` must be one of .*, got 'fly'"):
        find_protocol("fly", "instances")
    with pytest.raises(ValueError, match=r"`task` must be one of .*, got 'sound'"):
        find_task("sound", "strict")
    with pytest.raises(ValueError, match="strict is of the task 'instances', got 'x'"):
        find_protocol("strict", "x")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("[choices.void]", "[choices.hole]"),
            r"\['void'\] missing, \['hole'\] unknown",
        ),
        (("value = 100\n", "value = -5\n"), "`min_region` must be positive, got -5"),
        (('value = "segments"', 'value = "x"'), "`smoothing` must be one of"),
        (("value = [0.5, 1.0, 0.05]", "value = [0.6, 1, 0.1]"), r"got \[0.6, 1, 0.1\]"),
    ],
)
def test_a_wrong_choice_is_named(tmp_path, change, said):
    if change[0].endswith('"segments"'):
        change = ('value = "none"', 'value = "x"')
    with pytest.raises(ValueError, match=f"protocol strict.*{said}"):
        find_task("instances", str(changed(tmp_path, change)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("citation", "quotation"), "must have .*'citation'.*, got .*'quotation'"),
        (("value = 100\n", ""), "the choice `min_region` must have a `value`"),
        (("value = 100\n", "value = \n"), "is truncated or no TOML"),
    ],
)
def test_a_file_that_is_no_protocol_is_named(tmp_path, change, said):
    path = changed(tmp_path, change)
    with pytest.raises(ValueError, match=re.escape(f"protocol {path}") + f".*{said}"):
        read_protocol(path)
