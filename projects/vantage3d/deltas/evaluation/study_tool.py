"""What ``tools/study_deltas.py`` calls."""

from dataclasses import replace

from vantage3d.deltas.evaluation.studies import STUDIES, Row, Settings, Study
from vantage3d.deltas.evaluation.study_report import write_study
from vantage3d.deltas.evaluation.study_run import Source, run_classical, run_rows
from vantage3d.engine.configs.config import load_config

CLASSICAL = "classical"


def run_study(name: str, source: Source, settings: Settings) -> str:
    """Run a study and write its report.

    Args:
        name: One of :data:`STUDIES`, or :data:`CLASSICAL`.
        source: Config, weights, output folder.
        settings: What differs between rows; the narrow range is taken from the config.

    Returns:
        The report, markdown.

    Raises:
        EngineError: If a config or checkpoint is wrong.
        ValueError: If settings make no study, or numbers contradict each other.
    """
    if name == CLASSICAL:
        results = [*run_rows(source, [Row("network", x=-1.0)]), *run_classical(source)]
        return write_study(source.out, name, Study(lambda _: []), results)
    narrow = load_config(source.config, dict(source.options)).model.search_range
    settings = replace(settings, narrow=(narrow[0], narrow[1]))
    study = STUDIES[name]
    results = run_rows(source, study.rows(settings))
    return write_study(source.out, name, study, results)
