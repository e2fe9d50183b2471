"""The whole network: names, properties, what saving memory must not change."""

from contextlib import nullcontext

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.testing import assert_close

from tests.shared import need
from tests.vggt_lora.models.networks import NARROW, images, maps, narrow
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.models import VGGT, blocks

QUERIES = torch.tensor([[[3.0, 4.0], [20.5, 11.0], [40.0, 27.0]]])
GOLDEN_SIZES = dict(
    img_size=112,
    embed_dim=384,
    depth=4,
    num_heads=6,
    patch_embed="dinov2_vits14_reg",
    dpt=dict(
        features=32,
        out_channels=(24, 48, 96, 96),
        intermediate_layer_idx=(0, 1, 2, 3),
    ),
    enable_track=False,
)


def names_and_shapes(file: str) -> dict[str, str]:
    rows = (line.split("\t") for line in need(file).read_text().splitlines())
    return {name: shape for name, shape, *_ in rows if name != "name"}


def on_meta(**options) -> VGGT:
    with torch.device("meta"):
        return MODELS.build(dict(type="VGGT", **options))


def shapes(net: torch.nn.Module) -> dict[str, str]:
    return {k: "x".join(map(str, v.shape)) for k, v in net.state_dict().items()}


def test_names_and_shapes_are_those_of_the_release():
    net = on_meta()
    assert shapes(net) == names_and_shapes("specs/vggt_state_dict.tsv")
    assert len(shapes(net)) == 1797
    assert sum(p.numel() for p in net.parameters()) == 1_256_537_516


def test_names_and_shapes_of_a_narrow_one():
    net = on_meta(**GOLDEN_SIZES)
    assert shapes(net) == names_and_shapes("golden/vggt_small_state_dict.tsv")


def test_a_head_that_is_not_enabled_leaves_no_trace():
    net = on_meta(enable_point=False, enable_track=False)
    assert sum(p.numel() for p in net.parameters()) == 1_157_941_492  # as published
    assert not [key for key in net.state_dict() if "point_" in key or "track" in key]
    small = narrow(enable_camera=False, enable_point=False, enable_track=False)
    assert set(small(images())) == {"depth", "depth_conf"}


@torch.no_grad()
def test_frames_after_the_first_may_change_places():
    net, scene = narrow(), images(4)
    order = [0, 3, 1, 2]
    expected, got = maps(net(scene)), maps(net(scene[:, order]))
    for name, values in expected.items():
        assert_close(got[name], values[:, order], atol=2e-5, rtol=1e-4, msg=name)
    assert not torch.allclose(net(scene[:, [1, 0, 2, 3]])["depth"], got["depth"])


@torch.no_grad()
def test_samples_of_a_batch_do_not_see_each_other():
    net, first, second = narrow(), images(seed=1), images(seed=2)
    together = maps(net(torch.cat([first, second])))
    for i, alone in enumerate((first, second)):
        for name, values in maps(net(alone)).items():
            assert_close(together[name][i], values[0], atol=2e-5, rtol=1e-4, msg=name)


@pytest.mark.bitwise
@torch.no_grad()
def test_keeping_only_the_needed_layers_changes_nothing():
    levels = dict(features=16, out_channels=(8, 8, 12, 12))
    dpt = dict(**levels, intermediate_layer_idx=(1, 2, 4, 5))
    net = narrow(depth=6, dpt=dpt, enable_track=False)
    assert net.kept_layers == (1, 2, 4, 5)
    expected = maps(net(images()))
    net.kept_layers = tuple(range(6))
    for name, values in maps(net(images())).items():
        assert torch.equal(values, expected[name]), name


@torch.no_grad()
@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_frames_in_chunks_change_nothing(chunk):
    net = narrow(frames_chunk_size=8)
    net.track_head.tracker.iters = 1  # later rounds amplify rounding, see Tracker
    expected = maps(net(images(5), QUERIES))
    net.frames_chunk_size = chunk
    for name, values in maps(net(images(5), QUERIES)).items():
        assert_close(values, expected[name], atol=1e-5, rtol=1e-5, msg=name)


@pytest.mark.parametrize("part", [1, 12, 25])
def test_tokens_in_parts_change_nothing(part, monkeypatch):
    """11 tokens per frame; with a graph they are never parted."""
    net = narrow(enable_track=False)
    expected = maps(net(images(4)))
    monkeypatch.setattr(blocks, "PART", part)
    with torch.no_grad():
        got = maps(net(images(4)))
    for name, values in expected.items():
        assert_close(got[name], values.detach(), atol=1e-5, rtol=1e-5, msg=name)


def gradients(net: VGGT) -> dict[str, torch.Tensor]:
    net.train().zero_grad()
    out = maps(net(images()))
    sum(value.square().mean() for value in out.values()).backward()
    return {n: p.grad for n, p in net.named_parameters() if p.grad is not None}


@pytest.mark.bitwise
def test_checkpointing_gives_the_same_gradients():
    expected = gradients(narrow(enable_track=False))
    got = gradients(narrow(enable_track=False, checkpointing=True))
    unused = {"aggregator.patch_embed.mask_token"}
    parameters = dict(narrow(enable_track=False).named_parameters())
    assert set(got) == set(expected) == set(parameters) - unused
    for name, values in expected.items():
        assert torch.equal(got[name], values), name


def saved_bytes(net: VGGT) -> int:
    """Bytes that a forward pass keeps for the backward pass, parameters left out."""
    own = {p.untyped_storage().data_ptr() for p in net.parameters()}
    sizes = {}

    def pack(x: torch.Tensor) -> torch.Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes(), x  # held: no address twice
        return x

    with saved_tensors_hooks(pack, lambda x: x):
        net(images())
    return sum(size for size, _ in sizes.values())


def test_checkpointing_keeps_less_for_the_backward_pass():
    plain = saved_bytes(narrow(enable_track=False))
    assert saved_bytes(narrow(enable_track=False, checkpointing=True)) < plain / 4


@pytest.mark.parametrize("checkpointing", [False, True])
def test_frozen_blocks_in_front_run_without_a_graph(checkpointing):
    net = narrow(
        enable_track=False,
        enable_camera=False,
        enable_point=False,
        checkpointing=checkpointing,
    )
    net.requires_grad_(False)
    assert saved_bytes(net) == 0
    has_graph = {}

    def note(block, inputs, output):
        has_graph.setdefault(block, output.requires_grad)  # recomputed ones come again

    for pairs in (net.aggregator.frame_blocks, net.aggregator.global_blocks):
        pairs[2:].requires_grad_(True)
        for block in pairs:
            block.register_forward_hook(note)
    net(images())["depth"].mean().backward()
    for pairs in (net.aggregator.frame_blocks, net.aggregator.global_blocks):
        assert [has_graph[block] for block in pairs] == [False, False, True, True]
        assert [b.attn.qkv.weight.grad is None for b in pairs] == [1, 1, 0, 0]


@torch.no_grad()
def test_bfloat16_is_close():
    net = narrow(enable_track=False)
    expected = maps(net(images()))
    with torch.autocast("cpu", torch.bfloat16):
        got = maps(net(images()))
    for name, values in expected.items():
        assert got[name].dtype == torch.float32
        scale = values.abs().max()
        assert (got[name] - values).abs().max() < 0.05 * scale, name
        assert (got[name] - values).abs().max() > 0, "autocast had no effect"


@pytest.mark.gpu
@torch.no_grad()
def test_cuda_gives_what_the_cpu_gives():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    net = narrow(enable_track=False)
    expected = maps(net(images()))
    net.cuda()
    half = torch.autocast("cuda", torch.bfloat16)
    for context, tolerance in ((nullcontext(), 0.01), (half, 0.05)):  # convs in TF32
        with context:
            got = maps(net(images().cuda()))
        for name, values in expected.items():
            difference = (got[name].cpu() - values).abs().max()
            assert difference < tolerance * values.abs().max(), name


def test_the_full_model_never_asks_the_device_for_a_value():
    """Fake tensors have no values, so a synchronisation raises."""
    with FakeTensorMode():
        net = VGGT().eval()
        with torch.no_grad():
            out = net(torch.rand(1, 2, 3, 168, 518), torch.rand(1, 5, 2))
    got = {name: tuple(value.shape) for name, value in maps(out).items()}
    assert got == {
        "pose_enc_list": (1, 2, 9, 4),
        "pose_enc": (1, 2, 9),
        "depth": (1, 2, 168, 518, 1),
        "depth_conf": (1, 2, 168, 518),
        "world_points": (1, 2, 168, 518, 3),
        "world_points_conf": (1, 2, 168, 518),
        "track": (1, 2, 5, 2),
        "vis": (1, 2, 5),
        "conf": (1, 2, 5),
    }


@torch.no_grad()
def test_ranges_of_the_outputs():
    net = narrow()
    out = net(images(1), QUERIES)
    assert out["depth"].min() > 0
    assert min(out["depth_conf"].min(), out["world_points_conf"].min()) >= 1
    assert out["pose_enc"][..., 7:].min() >= 0
    assert torch.equal(out["track"][:, 0], QUERIES)
    assert out["vis"].min() > 0 and out["conf"].max() < 1


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="expected 48, got 24"):
        VGGT(**{**NARROW, "embed_dim": 48})
    with pytest.raises(ValueError, match=r"layers 0\.\.1, got \[2, 3\]"):
        VGGT(**{**NARROW, "depth": 2})
    with pytest.raises(ValueError, match="divide 24 channels, got 5"):
        VGGT(**{**NARROW, "num_heads": 5})
    with pytest.raises(ValueError, match="multiple of 4, got 6"):
        VGGT(**{**NARROW, "num_heads": 4})
    odd = {**NARROW["dpt"], "out_channels": (8, 8, 12, 14)}
    with pytest.raises(ValueError, match=r"got \[8, 8, 12, 14\] and 8"):
        VGGT(**{**NARROW, "dpt": odd})
    three = {**NARROW["dpt"], "intermediate_layer_idx": (0, 1, 2)}
    with pytest.raises(ValueError, match=r"got \[0, 1, 2\]"):
        VGGT(**{**NARROW, "dpt": three})
    with pytest.raises(ValueError, match="got 'dinov2_vitg14_reg'"):
        VGGT(**{**NARROW, "patch_embed": "dinov2_vitg14_reg"})


def test_images_that_do_not_fit():
    net = narrow()
    with pytest.raises(ValueError, match=r"`images`.*got \(3, 3, 28, 42\)"):
        net(images()[0])
    with pytest.raises(ValueError, match="multiples of 14, got 28 x 40"):
        net(images(width=40))
    with pytest.raises(ValueError, match=r"`query_points`.*got \(1, 3\)"):
        net(images(), QUERIES[0, :1, :1].expand(1, 3))
    with pytest.raises(ValueError, match="enable_track=True"):
        narrow(enable_track=False)(images(), QUERIES)
