"""Judging from files: pairing, hashes, flags, the record and its comparison."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from vantage3d.cli import main
from vantage3d.io.run_facts import note_run
from vantage3d.referee.comparison import compare
from vantage3d.referee.depth.readers import DepthMaps
from vantage3d.referee.evaluate import Found, Options, evaluate, run_facts
from vantage3d.referee.intervals import intervals
from vantage3d.referee.protocol import FOLDER, shipped
from vantage3d.referee.result import read_result
from vantage3d.referee.task import Task
from vantage3d.referee.tasks import find_task

SCENES = [f"scene{number:04d}_00" for number in range(4)]


@pytest.fixture
def world(tmp_path):
    """Truth, and a model that has three of four points, as files."""
    task = find_task("instances", "strict")
    own, rng = task.readers[0](task.rules), np.random.default_rng(0)
    for name, truth in task.made_up().items():
        task.truth_readers[0](task.rules).write(tmp_path / "truth", name, truth)
        best = task.perfect(truth)
        masks = best.masks & (rng.random(best.masks.shape) < 0.75)
        own.write(tmp_path / "model", name, replace(best, masks=masks))
        own.write(tmp_path / "best", name, best)
    return tmp_path


def judged(root, name="model", protocol="strict", **options):
    task = find_task("instances", protocol)
    found = evaluate(task, root / name, root / "truth", Options(**options))
    found.write(root / "results" / f"{name}-{protocol}")
    return found


def test_a_result_says_what_it_depends_on_and_is_read_back(world):
    (world / "model" / "run.json").write_text('{"precision": "float32"}')
    result = judged(world)
    again = read_result(world / "results" / "model-strict")
    assert again.figures == result.figures and again.run == {"precision": "float32"}
    for answer, units in result.arrays.items():
        for unit, back in zip(units, again.arrays[answer]):
            for name, array in unit.items():
                np.testing.assert_array_equal(array, back[name])
    assert again.counts == {
        "scans": 4,
        "missing": 0,
        "clusters": 4,
        "true instances": 24,
        "predictions": 20,
        "of classes that are not judged": 0,
    }
    assert again.flags == [] and again.protocol_hash == result.protocol_hash
    task = find_task("instances", "strict")
    figures = task.figures(again.arrays["model"])
    assert figures == result.figures["model"], "figures can be made of arrays"


def test_intervals_are_over_rooms_and_of_differences_paired(world):
    result, other = judged(world), judged(world, "best")
    task, units = find_task("instances", "strict"), result.arrays["model"]
    assert result.clusters == ["scene0000", "scene0001", "scene0002", "scene0003"]
    without = [
        task.figures([u for u in units if u is not one])["all_ap"] for one in units
    ]
    spread = np.square(without - np.mean(without)).sum()
    half = 3.1824463 * np.sqrt(3 / 4 * spread)  # Student's of 3 degrees of freedom
    ap = result.figures["model"]["all_ap"]
    assert result.intervals["all_ap"] == pytest.approx([ap - half, ap + half])
    rooms = ["a", "a", "b", "c"]
    clustered = intervals(task, units, rooms).ends["all_ap"]
    paired = intervals(task, units, rooms, other.arrays["model"]).ends["all_ap"]
    assert np.isfinite(clustered).all() and paired.low < paired.high < 0.01
    assert np.isnan(intervals(task, units, ["a"] * 4).ends["all_ap"]).all()
    assert "95 % over 4 clusters (few): AP 0." in result.text()


def test_one_cluster_has_no_interval_and_none_is_printed(world):
    alone = judged(world, units=SCENES[:1])
    said = "95 % over 1 cluster (few): no interval, one cluster says nothing of others"
    assert said in alone.text() and "nan" not in alone.text()
    folder = world / "results" / "model-strict"
    table, notes = compare(folder, folder)
    assert table.body[0][3] == "+0.0000 no interval" and "1 cluster (few)" in notes[1]


def test_a_cluster_without_a_figure_is_no_evidence():
    """Two drives of three have depth: an interval of three would be too narrow."""
    task, rng = find_task("depth", "robustmvd"), np.random.default_rng(0)
    truth = rng.uniform(1, 9, (3, 1, 8, 12)).astype(np.float32)
    truth[2] = 0
    units = [
        task.measure(str(i), DepthMaps(t * (1.1 + i)), DepthMaps(t))["model"]
        for i, t in enumerate(truth)
    ]
    both = intervals(task, units[:2], ["a", "b"])
    assert intervals(task, units, ["a", "b", "c"]) == both and both.clusters == 2


def test_what_has_no_figure_at_all_is_refused(tmp_path):
    task = find_task("depth", "scannet-simplerecon")
    for name, truth in task.made_up().items():
        none = truth._replace(depth=0 * truth.depth)
        for folder, maps in ("pred", truth), ("truth", none):
            task.readers[0](task.rules).write(tmp_path / folder, name, maps)
    said = "has nothing that scannet-simplerecon judges.*: 2 frames, 0 missing, 0 pixel"
    with pytest.raises(ValueError, match=said):
        evaluate(task, tmp_path / "pred", tmp_path / "truth")


@pytest.mark.parametrize("name", ["strict", "scannet-official"])
def test_figures_of_units_that_count_twice(world, name):
    task = find_task("instances", name)
    units = judged(world, protocol=name).arrays["model"]
    weights = np.array([[1, 1, 1, 1], [0, 2, 1, 1], [3, 0, 0, 1]])
    expected = Task.resampled(task, units, weights)
    np.testing.assert_allclose(task.resampled(units, weights), expected, atol=1e-12)


def test_a_changed_file_changes_the_hash_and_order_does_not(world):
    before = judged(world)
    path = world / "model" / f"{SCENES[0]}.npz"
    arrays = dict(np.load(path))
    arrays["scores"][0] = 0.99
    np.savez(path, **arrays)
    after = judged(world)
    assert before.predictions.sha256 != after.predictions.sha256
    assert before.truth.sha256 == after.truth.sha256


@pytest.mark.parametrize(
    ("name", "said"),
    [("model", "4 scans have no prediction"), ("truth", "have no truth")],
)
def test_a_unit_that_one_side_lacks_is_refused(world, name, said):
    (world / name / f"{SCENES[2]}.npz").unlink()
    with pytest.raises(ValueError, match=f"1 of .*{said}.*: {SCENES[2]}"):
        judged(world)


def test_a_missing_unit_counts_as_nothing_found_where_that_is_said(world):
    whole = judged(world, "best").figures["model"]["all_ap"]
    (world / "best" / f"{SCENES[2]}.npz").unlink()
    result = judged(world, "best", missing_is_empty=True)
    assert result.missing == [SCENES[2]] and result.counts["missing"] == 1
    assert result.figures["model"]["all_ap"] == pytest.approx(0.75 * whole, abs=1e-9)
    left = judged(world, "best", units=[*SCENES[:2], SCENES[3]])
    assert left.figures["model"]["all_ap"] == 1 and left.units == [
        *SCENES[:2],
        SCENES[3],
    ]


def test_a_damaged_prediction_never_counts_as_nothing_found(world):
    path = world / "model" / f"{SCENES[2]}.npz"
    for content in b"no zip", path.read_bytes()[:-40]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{SCENES[2]}.npz \(1 in all\) is dam"):
            judged(world, missing_is_empty=True)
    np.savez(path, mask=np.zeros((0, 5)))
    with pytest.raises(ValueError, match=r"or no npz as the others are: UNIT\.npz"):
        judged(world, missing_is_empty=True)


def test_scores_that_are_no_numbers_are_refused_by_the_name_of_their_file(world):
    path = world / "model" / f"{SCENES[2]}.npz"
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "scores": arrays["scores"].astype(str)})
    with pytest.raises(ValueError, match=f"{SCENES[2]}.npz: scores must be numbers"):
        judged(world)
    (world / "best" / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"best/run\.json is truncated or no JSON"):
        judged(world, "best")


def test_a_unit_to_judge_without_truth_is_named(world):
    with pytest.raises(ValueError, match=r"1 of 2 .* have no truth in .*: fly"):
        judged(world, units=[SCENES[0], "fly"])


def test_folders_of_no_or_two_formats_are_refused(world):
    with pytest.raises(FileNotFoundError, match="results do not exist"):
        evaluate(find_task("instances", "strict"), world / "results", world / "truth")
    (world / "empty").mkdir()
    (world / "empty" / "a.jpg").touch()
    with pytest.raises(
        FileNotFoundError, match=r"it has \['a.jpg'\]. Known are\n.*npz"
    ):
        judged(world, "empty")
    np.savez(world / "model" / "odd.npz", pred_masks=np.zeros((3, 0)))
    with pytest.raises(ValueError, match=r"2 formats: .*Say which with --format"):
        judged(world)
    with pytest.raises(ValueError, match=r"must be one of .*, got 'fly'"):
        judged(world, format="fly")


def test_a_model_below_a_trivial_row_is_flagged(world):
    task = find_task("instances", "strict")
    for name, truth in task.made_up().items():
        bad = replace(task.perfect(truth), masks=~task.perfect(truth).masks)
        task.readers[0](task.rules).write(world / "bad", name, bad)
    result = judged(world, "bad")
    assert result.flags[0] == "no better than 'every superpoint' in AP, AP50, AP25"
    assert "warning: the model is no better than" in result.text()


def test_results_of_different_protocols_truth_or_precision_are_not_compared(world):
    results = world / "results"
    judged(world, "best")
    judged(world)
    table, _ = compare(results / "best-strict", results / "model-strict")
    assert [row[0] for row in table.body] == ["AP", "AP50", "AP25"]
    assert table.body[0][1] == "1.0000" and table.body[0][3].startswith("-0.")
    same, _ = compare(results / "best-strict", results / "best-strict")
    assert same.body[0][3] == "+0.0000 [+0.0000, +0.0000] same"
    judged(world, protocol="esam-2024")
    with pytest.raises(
        ValueError, match=r"`overlaps` is \[0.5, 1.0, 0.05\] and \[0.5, 0"
    ):
        compare(results / "best-strict", results / "model-esam-2024")
    (world / "model" / "run.json").write_text('{"precision": "float32"}')
    judged(world)
    _, notes = compare(results / "best-strict", results / "model-strict")
    assert notes[2].startswith("A does not say in which precision it ran, the other in")
    for name, said in ("best", "bfloat16"), ("model", "float32"):
        (world / name / "run.json").write_text(json.dumps({"precision": said}))
        judged(world, name)
    with pytest.raises(ValueError, match="A ran in bfloat16 and B in float32"):
        compare(results / "best-strict", results / "model-strict")
    judged(world, units=SCENES[1:])
    with pytest.raises(ValueError, match=f"1 units are of one alone .{SCENES[0]}"):
        compare(results / "best-strict", results / "model-strict")


def test_units_of_another_evaluation_are_not_compared(world):
    """As a kill between the two files leaves them."""
    judged(world)
    folder = world / "results" / "model-strict"
    before = (folder / "result.json").read_bytes()
    judged(world, units=SCENES[1:])
    (folder / "result.json").write_bytes(before)
    with pytest.raises(ValueError, match=r"units\.npz is of another evaluat"):
        compare(folder, folder)


def test_own_outputs_say_what_made_them_in_the_folder_of_each_sequence(tmp_path):
    """As `predict` and `run-stream` write: OUT/SEQUENCE/run.json beside frames."""
    for name, precision in ("a", "float32"), ("b", "bfloat16"):
        note_run(tmp_path / name, {"precision": precision})
    paths = {name: tmp_path / name / "frames" / "0.npz" for name in "ab"}
    found = Found(find_task("depth", "robustmvd").readers[0], tmp_path, paths)
    assert run_facts(found) == {"precision": "float32, bfloat16"}
    inner = found._replace(root=tmp_path / "a" / "frames", paths={"0": paths["a"]})
    assert run_facts(inner) == {"precision": "float32"}


def test_the_commands_print_table_protocols_and_difference(world, capsys):
    out = [str(world / "out" / name) for name in ("model", "best")]
    for folder in out:
        given = [str(world / folder.rsplit("/", 1)[1]), str(world / "truth")]
        main(["evaluate", "instances", *given, "--protocol", "strict", "--out", folder])
    said = capsys.readouterr().out
    assert "| model                |" in said and "4 files of npz in" in said
    assert read_result(world / "out" / "model").command.startswith(
        f"vantage3d evaluate instances {world}/model {world}/truth --protocol strict"
    )
    main(["compare", *out])
    assert "B - A" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"model holds the result of .*/model by"):
        main(["evaluate", "instances", *given, "--protocol", "strict", "--out", out[0]])
    with pytest.raises(SystemExit, match=r"evaluate_depth\.py are for `vantage3d c"):
        main(["compare", out[0], str(world)])
    main(["evaluate", "--protocols", "--protocol", "strict"])
    assert "transfer_limit_m = 0.1: A true point farther" in capsys.readouterr().out


def test_protocols_and_self_tests_are_printed(tmp_path, capsys):
    main(["evaluate", "--protocols"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == list(shipped())
    main(["evaluate", "streams", "--protocols"])
    assert capsys.readouterr().out.split()[:2] == ["streams", "stream-ids"]
    with pytest.raises(SystemExit, match="is of the task 'streams', got 'depth'"):
        main(["evaluate", "depth", "--self-test", "--protocol", "stream-ids"])
    own = tmp_path / "own.toml"
    text = (FOLDER / "stream-ids.toml").read_text()
    own.write_text(text.replace('"stream-ids"', '"own"'))
    main(["evaluate", "--self-test", "--protocol", str(own)])
    said = capsys.readouterr().out
    assert said.startswith("own (streams)\n  ok      perfect as npz, truth images")
    for door in "--self-test", "--protocols":
        with pytest.raises(SystemExit, match=r"must be one of .*, got 'fly'. One of"):
            main(["evaluate", door, "--protocol", "fly"])


@pytest.mark.parametrize("name", shipped())
def test_tasks_and_readers_go_to_worker_processes(name):
    task = find_task(shipped()[name].task, name)
    readers = [kind(task.rules) for kind in (*task.readers, *task.truth_readers)]
    again, others = pickle.loads(pickle.dumps((task, readers)))
    assert again.protocol == task.protocol and again.rules == task.rules
    assert [one.name for one in others] == [one.name for one in readers]


def test_a_part_is_judged_by_names_in_a_file(world, capsys):
    (world / "val.txt").write_text("\n".join(SCENES[:2]))
    given = [str(world / "model"), str(world / "truth"), "--protocol", "strict"]
    where = ["--only", str(world / "val.txt"), "--out", str(world / "out")]
    main(["evaluate", "instances", *given, *where])
    assert read_result(world / "out").units == SCENES[:2]
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", "instances", *given[:2]])
    assert "and --protocol are needed" in capsys.readouterr().err
