"""The single-view model has the released checkpoints' names and shapes."""

import csv

from mmengine import Config

from tests.shared import ROOT, need
from vantage3d.registry import MODELS


def test_names_shapes_and_types_are_those_of_the_release():
    with need("specs/esam_state_dict.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    expected = {row["name"]: (row["dtype"], row["shape"]) for row in rows}
    config = Config.fromfile(ROOT / "configs/ESAM_CA/ESAM_sv_scannet200_CA.py")
    model = MODELS.build(config.model)
    parameters = dict(model.named_parameters())
    got = {
        name: (
            str(tensor.dtype).removeprefix("torch."),
            "x".join(map(str, tensor.shape)) or "scalar",
        )
        for name, tensor in model.state_dict().items()
    }
    assert got == expected
    assert len(got) == 463
    assert sum(p.numel() for p in parameters.values()) == 41_459_787
    assert set(parameters) == {r["name"] for r in rows if r["kind"] == "param"}
