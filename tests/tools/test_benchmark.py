"""The measuring tool itself, without measuring."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.inference.conftest import room, weights

__all__ = ["room", "weights"]

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def test_it_lists_its_subjects_and_a_subject_its_options():
    for words, expected in (([], "scannet_ap"), (["sparse"], "--rounds")):
        command = [sys.executable, str(TOOLS / "benchmark.py"), *words, "--help"]
        environment = {"PYTHONPATH": str(TOOLS.parent / "projects")}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout


@pytest.fixture
def clouds(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import benchmarks.sparse as module

    return module


def test_made_up_clouds_have_the_wanted_size(clouds, tmp_path):
    source, (frame, scan) = clouds.make_clouds(tmp_path, seed=0)
    assert "made-up" in source
    assert str(tmp_path) in source
    assert 5_000 < len(frame.features) <= 20_000
    assert len(scan.features) == 120_000
    assert len(scan.coordinates.unique(dim=0)) == 120_000


def test_frames_with_image_features_fit_the_detectors(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmarks.image_features import make_batch

    from vantage3d.esam.models.fusion.image_sampling import StoredFeatures

    source, batch = make_batch(tmp_path, seed=0)
    assert "made-up" in source
    inputs, samples = batch["inputs"], batch["data_samples"]
    images = StoredFeatures("dinov2_vitl14", 1024)(inputs, samples)
    assert len(images.valid) == 20_000
    assert images.valid.all()


def test_the_stages_of_esam_make_up_a_frame(monkeypatch, room, weights, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmark import main

    options = "--weights", str(weights("esam")), "--frames", "1", "--rounds", "1"
    assert main(["esam", str(room), *options, "--device", "cpu"]) == 0
    rows = [line.rsplit(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    cpu_ms = {name: float(ms) for name, _, ms in rows[-9:]}
    assert next(iter(cpu_ms)) == "superpoints"
    whole = cpu_ms.pop("whole frame")
    assert min(cpu_ms.values()) > -1
    assert cpu_ms["network of voxels"] > 1
    assert sum(cpu_ms.values()) == pytest.approx(whole, abs=0.5)


def test_the_stages_of_a_stream_and_what_it_holds(monkeypatch, weights, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmark import main

    options = "--frames", "2", "--num-points", "500", "--least-score", "0"
    main(["esam_stream", "--weights", str(weights("esam")), *options])
    lines = capsys.readouterr().out.splitlines()
    shown = {line[:20].strip(): line[20:].strip() for line in lines[1:]}
    assert shown["frame"] == "2" and float(shown["network"]) > 1
    assert float(shown["without superpoints"]) < float(shown["whole frame"])
    megabytes = 13 * float(shown["voxels"]) / 2**20
    assert float(shown["map_mb"]) == pytest.approx(megabytes, abs=0.05)


def test_what_a_stream_may_not_do(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmarks.esam_stream import SETTLED, Sizes, judged

    first, last = Sizes(800, 1000, 1, 10, 5), Sizes(850, 3000, 3, 40, 9)
    sizes = [*[first] * SETTLED, last]
    assert judged({"without superpoints": 1.05}, sizes) == 0
    said = capsys.readouterr().out
    assert "map: 1048.6 bytes" in said and "memory: 15728.6 bytes" in said
    assert judged({"without superpoints": 1.2}, sizes) == 1
    leaking = last._replace(resident_mb=880)
    assert judged({"without superpoints": 1.05}, [*sizes, leaking]) == 1


def test_the_stages_of_deltas_are_timed_one_by_one(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmarks.deltas import make_batch, one_round

    from tests.deltas.models.networks import narrow

    results = {}

    def timed(name, work):
        results[name] = work()
        return results[name]

    net, batch = narrow().eval(), make_batch(3, 48, 64, "cpu")
    with torch.inference_mode():
        one_round(net, batch, timed)
        depth = net(batch)["depth"]
    assert list(results) == ["supernet", "trinet", "depthnet", "triangulation"]
    torch.testing.assert_close(results["depthnet"]["depth"], depth)
    points = results["triangulation"]["points_anchor"]
    torch.testing.assert_close(points, results["trinet"]["points_anchor"])


def test_exported_stages_are_compared_with_torchs(monkeypatch):
    """Stand-ins for ONNX Runtime: the modules that are exported, one of them wrong."""
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmarks.deltas import SAME, make_batch, one_round

    from tests.deltas.models.networks import narrow
    from vantage3d.deltas.onnx_export import Densify, Look, Triangulate

    net, batch = narrow().eval(), make_batch(3, 48, 64, "cpu")
    modules = {"look": Look(net), "triangulate": Triangulate(net)}
    modules["densify"] = lambda *given: [1.001 * Densify(net)(*given)]
    with torch.inference_mode():
        off = one_round(
            net,
            batch,
            lambda name, work: work(),
            lambda name, *given: modules[name](*given),
        )
    assert list(off) == ["look.onnx", "triangulate.onnx", "densify.onnx"]
    assert max(off["look.onnx"], off["triangulate.onnx"]) < SAME < off["densify.onnx"]


def test_a_slice_of_the_preflight_is_named_rightly(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmark import main
    from benchmarks import preflight

    monkeypatch.setattr(preflight, "FRAMES", {1: [], 10: range(0, 120, 10)})
    faults = ["none", "inverted opengl", "poses +2", "colour -2", "focal x1.05"]
    words = [
        "preflight",
        "--layouts",
        "annotations",
        "--rooms",
        "1",
        "--spacings",
        "10",
    ]
    words += ["--workers", "1", "--out", str(tmp_path), "--faults"]
    assert main([*words, *faults[:2]]) == 0
    assert (
        "2 of 2 named rightly (100.0%), 0 doubted, 0 missed" in capsys.readouterr().out
    )
    assert main([*words, *faults]) == 0  # goes on
    table = (tmp_path / "table.md").read_text()
    assert "| poses +2 | 1 | 0 | 0 |" in table and "5 of 5 named rightly" in table


def test_depth_metrics_are_timed_for_several_models(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmark import main

    counts = ["--frames", "4", "--seq-len", "2", "--models", "2", "--workers", "1"]
    pixels = ["--size", "56", "28", "--groups", "depth"]
    assert main(["depth_metrics", *counts, *pixels]) == 0
    said = capsys.readouterr().out
    assert said.startswith("4 frames of 56x28") and "  depth" in said
