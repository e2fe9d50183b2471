"""The benchmark runs, and both sides give the same numbers."""

import argparse

from tools.benchmarks import scannet_ap


def test_benchmark_prints_a_line_per_workload(capsys, monkeypatch):
    small = (
        scannet_ap.Workload("agnostic", 3000, 5, 20, 1),
        scannet_ap.Workload("aware", 3000, 5, 20, 7),
    )
    monkeypatch.setattr(scannet_ap, "WORKLOADS", small)
    parser = argparse.ArgumentParser()
    scannet_ap.add_arguments(parser)
    args = parser.parse_args(["--scenes", "2", "--repeats", "1"])
    assert scannet_ap.run(args) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["agnostic", "aware"]
    assert all("x" in line for line in lines[2:])


def test_benchmark_fails_where_numbers_differ(monkeypatch, capsys):
    small = (scannet_ap.Workload("agnostic", 3000, 5, 20, 1),)
    monkeypatch.setattr(scannet_ap, "WORKLOADS", small)
    wrong = dict.fromkeys(scannet_ap.KEYS, 2.0)
    monkeypatch.setattr(scannet_ap, "ours", lambda scenes, n_classes: wrong)
    args = argparse.Namespace(scenes=1, repeats=1, seed=0)
    assert scannet_ap.run(args) == 1
