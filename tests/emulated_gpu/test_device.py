"""The pretended GPU: what it says, what it refuses, what it counts."""

import pytest
import torch
from torch.nn import functional

from tests.emulated_gpu.device import WAITS, EmulatedTensor, emulated_gpu

pytestmark = pytest.mark.usefixtures("gpu")


def on_gpu(*shape, **options):
    return torch.rand(*shape, device="cuda", **options)


def test_says_cuda_and_computes_what_the_cpu_does():
    x = torch.arange(6.0).view(2, 3)
    y = (x.cuda() @ x.to("cuda").T).relu()
    assert isinstance(y, EmulatedTensor)
    assert y.device == torch.device("cuda:0") and y.is_cuda
    assert torch.equal(y.cpu(), x @ x.T)
    assert torch.tensor([1], device="cuda").is_cuda
    assert x.new_zeros(2).device.type == "cpu" and y.new_zeros(2).is_cuda


def test_gradients_and_modules():
    net = torch.nn.Linear(3, 2).to("cuda")
    assert all(p.is_cuda for p in net.parameters())
    net(on_gpu(4, 3)).sum().backward()
    assert net.bias.grad.cpu().tolist() == [4, 4]


def test_mixed_devices_are_an_error():
    with pytest.raises(RuntimeError, match=r"same device.*got cpu \(3,\) beside cuda"):
        on_gpu(3) + torch.ones(3)


def test_numpy_is_an_error():
    with pytest.raises(TypeError, match="cuda:0 device type tensor to numpy"):
        on_gpu(3).numpy()


def bilinear():
    x = on_gpu(1, 1, 4, 4).requires_grad_()
    torch._C._nn.upsample_bilinear2d(x, (8, 8), True).sum().backward()


def sampled():
    x, at = on_gpu(1, 1, 4, 4), on_gpu(1, 2, 2, 2).requires_grad_()
    functional.grid_sample(x, at, align_corners=True).sum().backward()


def classes():
    labels = torch.zeros(1, 2, 2, dtype=torch.long, device="cuda")
    functional.cross_entropy(on_gpu(1, 3, 2, 2), labels)


REFUSED = {
    "bincount": lambda: torch.bincount(on_gpu(4).long(), on_gpu(4)),
    "cumsum": lambda: on_gpu(4).cumsum(0),
    "grid_sampler_2d_backward": sampled,
    "median": lambda: on_gpu(4).median(0),
    "nll_loss2d_forward": classes,
    "upsample_bilinear2d_backward": bilinear,
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_cuda_refuses(name):
    with pytest.raises(RuntimeError, match=f"{name} does not have a deterministic"):
        REFUSED[name]()


def test_allows_what_cuda_allows():
    x = on_gpu(4, 4).requires_grad_()
    ids = torch.arange(4, device="cuda")
    x.median()
    ids.cumsum(0)
    torch.bincount(ids)
    resized = functional.interpolate(x[None, None], (8, 8), mode="bilinear")
    resized.sum().backward()
    torch.use_deterministic_algorithms(False)
    x.cumsum(0)


def test_counts_waits():
    x = on_gpu(4)
    float(x.sum()), x.tolist(), x.cpu(), x[x > 2]
    assert {
        (kind, "backward"): 1 for kind in ("item", "tolist", "cpu", "mask")
    } == WAITS


def test_ends_with_its_block():
    assert torch.cuda.is_available()
    with emulated_gpu():
        pass
    assert torch.cuda.is_available()
