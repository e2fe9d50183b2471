"""The single-view model has the released checkpoints' names and shapes."""

import csv

from projects.esam.models import ScanNet200MixFormer3D
from tests.esam.models.scenes import model_config
from tests.shared import need


def released_size() -> ScanNet200MixFormer3D:
    config = model_config()
    config["backbone"] = {"type": "Res16UNet34C", "in_channels": 3, "out_channels": 96}
    config["pool"] = {"type": "GeoAwarePooling", "channel_proj": 96}
    config["decoder"] = {
        "type": "ScanNetMixQueryDecoder",
        "num_layers": 3,
        "num_instance_classes": 1,
        "num_semantic_classes": 200,
        "in_channels": 96,
    }
    return ScanNet200MixFormer3D(**config)


def test_names_shapes_and_types_are_those_of_the_release():
    with need("specs/esam_state_dict.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    expected = {row["name"]: (row["dtype"], row["shape"]) for row in rows}
    model = released_size()
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
