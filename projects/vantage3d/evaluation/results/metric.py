"""The metrics of ``tools/test.py``, also as files that one can work on with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger, print_log

from vantage3d.evaluation.results.folder import write_tables
from vantage3d.evaluation.results.records import MeasuredWindow
from vantage3d.evaluation.results.summary import summarise
from vantage3d.evaluation.results.windows import UNLABELLED, EvaluationWindow, window_id
from vantage3d.evaluation.windows.contracts import Record
from vantage3d.evaluation.windows.metric import WindowMetric
from vantage3d.registry import METRICS

FOLDER = "depth_metrics"


@METRICS.register_module()
class WindowResults(WindowMetric):
    """:class:`WindowMetric` that leaves the tables of ``tools/evaluate_depth.py``.

    ``metrics.json``, ``windows.csv`` and ``frames.csv`` go to ``result_dir``.

    Args:
        result_dir: By default the folder ``depth_metrics`` beside the log of the run.
        **options: Of :class:`WindowMetric`.
    """

    def __init__(self, result_dir: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.result_dir = result_dir

    def process(self, data_batch: Mapping, data_samples: Sequence[dict]) -> None:
        """Reduce each window of a batch to its numbers, with its name."""
        before = len(self.results)
        super().process(data_batch, data_samples)
        names = data_batch["data_samples"]
        self.results[before:] = [
            ((str(name["sequence"]), tuple(name["ids"].tolist())), rows)
            for name, rows in zip(names, self.results[before:])
        ]

    def compute_metrics(self, results: list[Any]) -> Record:
        """Means over all windows and their frames; writes the tables."""
        if is_main_process():
            self._write(results)
        return super().compute_metrics([rows for _, rows in results])

    def _write(self, results: list[Any]) -> None:
        log = MMLogger.get_current_instance().log_file
        folder = self.result_dir or (log and Path(log).parent / FOLDER)
        if not folder:
            print_log("no `result_dir` and no log file: no tables", logger="current")
            return
        windows, records = [], []
        for (sequence, frames), rows in results:
            name = window_id(sequence, frames)
            window, *parts = (dict(zip(k.split("\n"), v)) for k, v in rows)
            windows.append(EvaluationWindow(name, sequence, frames, UNLABELLED))
            records.append(MeasuredWindow(name, parts, window))
        write_tables(Path(folder), windows, records, summarise(records))
        print_log(f"tables of windows and frames in {folder}", logger="current")
