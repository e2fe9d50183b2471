"""The benchmark runs, and both sides give the same numbers."""

import argparse

from tools.benchmarks import referee


def test_benchmark_prints_a_line_per_number_of_scans(capsys):
    parser = argparse.ArgumentParser()
    referee.add_arguments(parser)
    small = "--points 3000 --predictions 8 --scans 1 2 --reference 1"
    assert referee.run(parser.parse_args(small.split())) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[1].startswith("   1 scans: ")
    assert "x faster, difference" in lines[3]
