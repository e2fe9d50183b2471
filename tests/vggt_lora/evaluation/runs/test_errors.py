"""What the user can mend ends in one message."""

import shutil

import pytest
import torch

from tests.drives import VIEW
from tests.vggt_lora.evaluation.runs.adapter_runs import (
    evaluate,
    network,
    write_adapter,
)
from tools import evaluate_depth
from vantage3d.converters.kitti360.convert import Options, convert
from vantage3d.converters.kitti360.raw import Kitti360Layout
from vantage3d.engine.checkpoints.file import write_checkpoint
from vantage3d.evaluation.results.folder import ResultFolder
from vantage3d.process.command import CommandError
from vantage3d.views.index import FrameIndex


def refused(cache, out, *arguments, match, **options):
    with pytest.raises(CommandError, match=match):
        evaluate(cache, out, *arguments, **options)


def test_a_checkpoint_of_another_base_is_refused(cache, tmp_path):
    write_adapter(tmp_path, "iter_1", 1)
    options = "--cfg-options", "randomness.seed=5"
    refused(cache, tmp_path / "out", tmp_path, *options, match="belong to another base")


def test_a_checkpoint_of_another_network_is_refused(cache, tmp_path):
    write_adapter(tmp_path, "iter_1", 1)
    options = (
        "--cfg-options",
        "model.depth=1",
        "model.dpt.intermediate_layer_idx=[0,0,0,0]",
    )
    refused(
        cache,
        tmp_path / "out",
        tmp_path,
        *options,
        match=r"iter_1.pth adapts layers that the model .* lacks.*blocks.1",
    )


def test_weights_of_another_size_are_refused(cache, tmp_path):
    state = network().state_dict()
    state["camera_head.token_norm.weight"] = torch.ones(7)
    write_checkpoint({"meta": {}, "state_dict": state}, tmp_path / "iter_3.pth")
    refused(
        cache,
        tmp_path / "out",
        tmp_path,
        match=r"does not fit(.|\n)*token_norm.weight \[7\], the model has \[32\]",
    )


def test_a_folder_without_checkpoints_is_refused(cache, tmp_path):
    refused(cache, tmp_path / "out", tmp_path, match="holds no checkpoint and no adapt")


def test_two_runs_with_the_same_numbers_are_refused(adapters, cache, tmp_path):
    refused(
        cache, tmp_path, adapters, adapters, match=r"are both checkpoint_2. .* one run"
    )


def test_merging_what_is_not_there_is_refused(adapters, cache, tmp_path):
    refused(
        cache,
        tmp_path,
        adapters,
        *("--merge", "checkpoint_3"),
        match="--merge checkpoint_3 is no adapter.*checkpoint_2, checkpoint_4",
    )


def test_other_options_do_not_mix_with_finished_results(evaluated, cache, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(evaluated, out)
    refused(
        cache, out, *("--align", "scale"), match="align was 'median' and is now 'scale'"
    )
    refused(
        cache, out, *("--max-seqs", "2"), match="max_seqs=None.*max_seqs=2.*--overwrite"
    )
    evaluate(cache, out, "--align", "scale", "--overwrite")
    trivial = ["trivial_constant", "trivial_median_map"]
    assert ResultFolder(out).finished() == ["baseline", *trivial]
    assert ResultFolder(out).metadata()["align"] == "scale"


@pytest.fixture(scope="module")
def unlabelled(raw, tmp_path_factory):
    """The same street as a test split, which has no labels."""
    folder = tmp_path_factory.mktemp("unlabelled")
    links = folder / "raw"
    links.mkdir()
    for path in raw.iterdir():
        if path.name != "data_2d_semantics":
            (links / path.name).symlink_to(path)
    names = sorted(path.name for path in (raw / "data_2d_raw").iterdir())
    sequences = tuple(names[-1:])
    layout = Kitti360Layout(links)
    cache, sizes = folder / "cache", {"view": VIEW, "pack": (VIEW,)}
    options = Options(
        layout=layout,
        out_dir=cache,
        sequences=sequences,
        extra_roots=(raw,),
        **sizes,
    )
    convert(options, ["test"])
    return cache


def test_building_metrics_are_refused_by_name_without_labels(unlabelled, tmp_path):
    split = "--split", "test"
    refused(
        unlabelled,
        tmp_path / "a",
        *split,
        match=r"depth.building.*need semantics.*split 'test' of .* has none",
    )
    refused(
        unlabelled,
        tmp_path / "b",
        *split,
        *("--max-seqs", "2", "--stratified-sampling", "--no-buildings"),
        match="--stratified-sampling needs building ratios, but split 'test'",
    )
    evaluate(unlabelled, tmp_path / "c", *split, "--no-buildings")
    found = ResultFolder(tmp_path / "c").metrics("baseline")
    assert found["depth.full.abs_rel"]["count"] == 9
    assert not any("building" in name for name in found)


def test_windows_of_other_data_are_refused(evaluated, unlabelled, cache, tmp_path):
    file = evaluated / "windows.json"
    refused(
        unlabelled,
        tmp_path / "a",
        *("--windows", str(file), "--split", "test", "--no-buildings"),
        match=r"made on split 'val' of cache \(index \w{12}\), this is split 'test'",
    )
    other = tmp_path / "cache"
    shutil.copytree(cache, other)
    index = FrameIndex.load(other / "val.npz")
    index.world2cam[0, 0, 3] += 1.0
    index.save(other / "val.npz")
    refused(other, tmp_path / "b", "--windows", str(file), match="results would not be")
    refused(cache, tmp_path / "c", "--windows", "no.json", match="no.json is missing")
    evaluate(cache, tmp_path / "d", "--windows", str(file))
    assert (tmp_path / "d/windows.json").read_bytes() == file.read_bytes()


def test_windows_of_another_length_are_refused(evaluated, cache, tmp_path):
    file = str(evaluated / "windows.json")
    options = "--windows", file, "--seq-len", "2"
    refused(cache, tmp_path, *options, match=r"frames \[0, 1, 2\] of .* no window")


def test_a_split_that_nobody_can_read_is_an_error(cache, tmp_path):
    broken = tmp_path / "cache"
    shutil.copytree(cache, broken)
    for path in broken.glob("views/*/*0001_sync/*.bin"):
        path.write_bytes(b"")
    refused(broken, tmp_path / "out", match="none of 3 windows can be used; .* 0 bytes")


def test_numbers_out_of_range_are_refused(cache, tmp_path):
    for arguments, match in (
        (("--stratified-sampling",), "got no --max-seqs"),
        (("--max-seqs", "0"), "`max_seqs` must be positive, got 0"),
        (("--num-workers", "-1"), "must not be negative, got -1 and 0"),
    ):
        refused(cache, tmp_path, *arguments, match=match)
    if not torch.cuda.is_available():
        refused(cache, tmp_path, "--device", "cuda", match="--device cuda .* 0 GPUs")


def test_another_kind_of_config_is_refused(tmp_path):
    config = "configs/ESAM_CA/ESAM_sv_synthetic_CA.py"
    with pytest.raises(CommandError, match="whose model is a VGGTEstimator, got"):
        evaluate_depth.main([config, "--out-dir", str(tmp_path)])


def test_an_empty_result_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no evaluation: .* there is nothing"):
        ResultFolder(tmp_path).metadata()
