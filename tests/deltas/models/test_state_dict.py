"""Names and shapes of the released checkpoints, and files with them."""

import ast
import csv
import re
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torchvision.models.resnet import Bottleneck, ResNet

from tests.deltas.models.networks import narrow
from tests.shared import ROOT, need
from vantage3d.deltas.models import DELTAS, load_three, save_three
from vantage3d.deltas.models.checkpoint import load_image_encoder
from vantage3d.deltas.models.interest import CELL, InterestNet
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.engine.errors import CheckpointError
from vantage3d.engine.runner import Vantage3DRunner

THREE = ("state_dict", "state_dict_tri", "state_dict_depth")


def test_names_shapes_and_types_of_the_released_checkpoint():
    with need("specs/deltas_state_dict.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    expected = {
        f"{row['net'].partition('(')[0]}.{row['key']}": (
            ast.literal_eval(row["shape"]),
            f"torch.{row['dtype']}",
            row["kind"],
        )
        for row in rows
    }
    with torch.device("meta"):
        net = DELTAS()
    parameters = dict(net.named_parameters())
    found = {
        name: (
            tuple(value.shape),
            str(value.dtype),
            "param" if name in parameters else "buffer",
        )
        for name, value in net.state_dict().items()
    }
    assert len(found) == 875
    assert found == expected


def saved(tmp_path, **options):
    net, path = narrow(**options), tmp_path / "deltas.pth.tar"
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.normal_()
    save_three(net.state_dict(), path)
    return net, path


def assert_same_weights(one: DELTAS, other: DELTAS) -> None:
    theirs = other.state_dict()
    for name, value in one.state_dict().items():
        assert torch.equal(value, theirs[name]), name


def test_three_keys_there_and_back(tmp_path):
    net, path = saved(tmp_path)
    content = torch.load(path, weights_only=True)
    assert tuple(content) == THREE
    assert torch.equal(content["state_dict"]["conv1.weight"], net.supernet.conv1.weight)
    assert "bn_match_convD.weight" in content["state_dict_tri"]
    other = narrow(pretrained=str(path))
    assert_same_weights(net, other)
    again = narrow()
    # as the released code writes them from several GPUs, with more beside them
    prefixed = {
        key: {f"module.{name}": v for name, v in content[key].items()} for key in THREE
    }
    torch.save({**prefixed, "epoch": 3}, tmp_path / "more.pth.tar")
    load_three(again, tmp_path / "more.pth.tar")
    assert_same_weights(net, again)


def test_the_runner_reads_both_kinds(tmp_path):
    net, path = saved(tmp_path)
    torch.save({"meta": {}, "state_dict": net.state_dict()}, tmp_path / "ours.pth")
    for file in (path, tmp_path / "ours.pth"):
        other = narrow()
        load = partial(load_weights, other)
        runner = SimpleNamespace(model=other, cfg={}, _load=load)
        Vantage3DRunner.load_checkpoint(runner, str(file))
        assert_same_weights(net, other)


def test_the_tool_exports(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from export_deltas import main

    net, path = narrow(), tmp_path / "epoch_1.pth"
    torch.save({"state_dict": net.state_dict(), "meta": {}}, path)
    main([str(path), str(tmp_path / "out.pth.tar")])
    assert_same_weights(net, narrow(pretrained=str(tmp_path / "out.pth.tar")))


def test_wrong_files(tmp_path):
    _, path = saved(tmp_path)
    content = torch.load(path, weights_only=True)
    with pytest.raises(CheckpointError, match=r"absent\.pth does not exist"):
        narrow(pretrained=str(tmp_path / "absent.pth"))
    torch.save({"state_dict": content["state_dict"]}, tmp_path / "one.pth")
    with pytest.raises(
        CheckpointError, match=r"lacks \['state_dict_tri', 'state_dict_depth'\], it has"
    ):
        load_three(narrow(), tmp_path / "one.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds a list, not weights by name"):
        load_three(narrow(), tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match=r"`head\.weight` is no weight of DELTAS"):
        save_three({"head.weight": torch.zeros(1)}, tmp_path / "x.pth")


def test_every_key_that_does_not_fit_is_named(tmp_path):
    _, path = saved(tmp_path)
    content = torch.load(path, weights_only=True)
    del content["state_dict_depth"]["conv_scale2.bias"]
    content["state_dict_tri"]["other"] = torch.zeros(1)
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(CheckpointError) as caught:
        load_three(narrow(), tmp_path / "x.pth")
    assert re.search(r"depthnet.conv_scale2.bias \[1\]", str(caught.value))
    assert re.search(r"trinet.other \[1\]", str(caught.value))
    with pytest.raises(CheckpointError, match=r"\[16, 72, 1, 1\], the model has \[8"):
        load_three(narrow(descriptor_dim=8), path)


def test_torchvisions_encoder(tmp_path):
    theirs = ResNet(Bottleneck, [1, 1, 1, 1])
    torch.save(theirs.state_dict(), tmp_path / "resnet.pth")
    net = InterestNet(64, (1, 1, 1, 1), 8, CELL, legacy=False).eval()
    head = net.convDd.weight.clone()
    load_image_encoder(net, tmp_path / "resnet.pth")
    plain, x = theirs.eval(), torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        maps = net.encode(x)
        stem = plain.maxpool(plain.relu(plain.bn1(plain.conv1(x))))
        deep = plain.layer4(plain.layer3(plain.layer2(plain.layer1(stem))))
    torch.testing.assert_close(maps.deep, deep)
    assert torch.equal(net.convDd.weight, head)
    with pytest.raises(CheckpointError, match=r"conv1.weight \[64, 3, 7, 7\], the"):
        narrow(encoder_weights=str(tmp_path / "resnet.pth"))
