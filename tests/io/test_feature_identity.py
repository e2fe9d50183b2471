import json
from dataclasses import asdict

import pytest

from vantage3d.io.checksums import seal
from vantage3d.io.feature_identity import MANIFEST, check_made_by, read_made_by
from vantage3d.io.features import FeatureSource

MADE_BY = dict(
    model="dinov2_vits14", weights="ab" * 32, layers=[5, 11], patch=14, channels=768,
    input_size=[56, 56],
)  # fmt: skip
EXPECTED = asdict(
    FeatureSource("dinov2_vits14", "*", (), (64, 48), (56, 42), 14, channels=768)
)


def test_of_a_folder(tmp_path):
    (tmp_path / MANIFEST).write_bytes(seal(json.dumps(MADE_BY | {"form": "pt"})))
    assert read_made_by(tmp_path) == MADE_BY
    check_made_by("features", read_made_by(tmp_path), EXPECTED)


def test_a_folder_that_does_not_say(tmp_path):
    with pytest.raises(
        ValueError, match=r"has no extraction\.json: nothing says which"
    ):
        read_made_by(tmp_path)
    (tmp_path / MANIFEST).write_text('{"model": "x"}')
    with pytest.raises(ValueError, match=r"lacks \['weights', .*'input_size'\]"):
        read_made_by(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "dinov2_vits14_reg"}, "model 'dinov2_vits14_reg', expected 'din"),
        ({"weights": "random-seed-0"}, r"random weights \('random-seed-0'\): its val"),
        ({"channels": 384}, "channels 384, expected 768"),
        ({"patch": 16}, "patch 16, expected 14"),
        ({"input_size": None}, r"input_size \(64, 48\), expected \(56, 42\)"),
        ({"input_size": [28, 28]}, r"input_size \(28, 21\), expected \(56, 42\)"),
    ],
)
def test_another_network(change, message):
    with pytest.raises(ValueError, match=f"features has {message}"):
        check_made_by("features", MADE_BY | change, EXPECTED)


def test_layers_and_weights_that_the_config_names():
    expected = EXPECTED | {"layers": (11,)}
    with pytest.raises(ValueError, match=r"layers \(5, 11\), expected \(11,\)"):
        check_made_by("features", MADE_BY, expected)
    random = {"weights": "random-seed-0"}
    check_made_by("features", MADE_BY | random, EXPECTED | random)
