"""Changes of before and after: paired over drives."""

import numpy as np
import pytest

from vantage3d.evaluation.results.folder import MeasuredWindow
from vantage3d.evaluation.results.windows import UNLABELLED, EvaluationWindow
from vantage3d.evaluation.windows.change import (
    CHANGE,
    change_table,
    cluster_basis,
    estimates,
)

RMSE, AUC = "depth.full.rmse", "pose.auc_30"
DRIVES = [
    EvaluationWindow(f"w{i}", f"drive_{i // 2}", (i,), UNLABELLED) for i in range(8)
]


def measured(rmse, auc):
    rows = zip(DRIVES, rmse, auc)
    return [MeasuredWindow(w.id, [{RMSE: a}], {AUC: b}) for w, a, b in rows]


def test_what_is_hard_for_both_cancels():
    hard = np.array([1.0, 1, 5, 5, 9, 9, 30, 30])
    answers = {
        "before": measured(hard, [0.2] * 8),
        "after": measured(0.8 * hard, [0.6] * 8),
    }
    found = estimates(DRIVES, answers, (RMSE, AUC), ("before", "after"))
    assert found["before"].values.tolist() == pytest.approx([11.25, 0.2])
    assert found["before"].low[0] < 0 < 30 < found["before"].high[0] + 5
    for ends in found[CHANGE]:  # exactly a fifth, and half of what lacks to 1
        assert ends.tolist() == pytest.approx([-0.2, -0.5])
    table = change_table(found, (RMSE, AUC))
    assert table.body[-1] == [
        "change, %", "-20.0 [-20.0, -20.0]", "-50.0 [-50.0, -50.0]"
    ]  # fmt: skip
    assert cluster_basis(DRIVES) == "4 clusters (few), 8 frames"


def test_an_answer_without_a_metric_has_an_empty_cell():
    nan = [np.nan] * 8
    found = estimates(DRIVES, {"typical": measured([2.0] * 8, nan)}, (RMSE, AUC))
    assert change_table(found, (RMSE, AUC)).body == [
        ["typical", "2.000 [2.000, 2.000]", ""]
    ]
