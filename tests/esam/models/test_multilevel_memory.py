"""The memory of voxels against a slow one that follows the definition."""

import pytest
import torch
from torch import Tensor

from tests.reference.golden_fill import det
from tests.sparse import oracle
from vantage3d.esam.models import MultilevelMemory
from vantage3d.esam.models.multilevel_memory import distance, surroundings
from vantage3d.sparse import SparseTensor

CHANNELS, STRIDE = 10, 4  # more than the engine multiplies at once


def filled(training: bool) -> MultilevelMemory:
    """A memory of one level whose every number matters."""
    memory = MultilevelMemory([CHANNELS]).double()
    for name, tensor in memory.state_dict().items():
        if tensor.is_floating_point():
            shift = 1.0 if "running_var" in name or "bn.weight" in name else 0.0
            tensor.copy_(
                0.3 * det(tuple(tensor.shape), 0.37, len(name)).double() + shift
            )
    return memory.train(training)


def frames(flat: bool = False) -> list[SparseTensor]:
    """Three views of two scenes, each a step further; flat ones lie in a plane."""
    made = []
    for step in range(3):
        at = oracle.random_cloud(step, 40, 4, stride=STRIDE)
        at[:, 1] += 2 * step * STRIDE
        if flat:
            at[:, 3] = step % 2 * STRIDE
            at = torch.unique(at, dim=0)
        feats = det((len(at), CHANNELS), 0.7, step).double()
        made.append(SparseTensor(feats, at, STRIDE))
    return made


class Slow:
    """The released computation, whole, on dictionaries of voxels."""

    def __init__(self, memory: MultilevelMemory) -> None:
        self.queue, self.times, self.place = memory.queue, {}, 0
        self.layers = {
            name: getattr(memory, name)[0]
            for name in ("conv_d1", "conv_d3", "conv_convert")
        }
        self.known: dict[tuple, Tensor] | None = None

    def step(self, x: SparseTensor) -> Tensor:
        current = dict(zip(map(tuple, x.coordinates.tolist()), x.features))
        seen = dict(self.known or {})
        for at, row in current.items():
            seen[at] = torch.maximum(seen[at], row) if at in seen else row
        part = {at: row for at, row in seen.items() if self.is_near(at, current)}
        at, rows = torch.tensor(list(part)), torch.stack(list(part.values()))
        columns = []
        for name, step in (("conv_d1", STRIDE), ("conv_d3", 3 * STRIDE)):
            conv, norm = self.layers[name]
            columns.append(norm.bn(oracle.convolve(rows, at, at, conv.kernel, 3, step)))
        means = torch.stack([rows[at[:, 0] == scene].mean(0) for scene in at[:, 0]])
        conv, norm = self.layers["conv_convert"]
        joined = torch.cat([columns[0].relu(), columns[1].relu(), means], 1)
        corrections = dict(zip(part, norm.bn(joined @ conv.kernel)))
        out = torch.stack([(current[at] + corrections[at]).relu() for at in current])
        self.known = dict(zip(current, out)) if self.known is None else seen
        if self.queue is not None:
            self.times |= dict.fromkeys(current, self.place)
            oldest = min(self.times.values())
            if self.place - oldest >= self.queue - 1:
                self.times = {at: t for at, t in self.times.items() if t > oldest}
                self.known = {at: self.known[at] for at in self.times}
        self.place += 1
        return out

    @staticmethod
    def is_near(at: tuple, current: dict) -> bool:
        own = [other for other in current if other[0] == at[0]]
        for axis in (1, 2, 3):
            low, high = (f(other[axis] for other in own) for f in (min, max))
            margin = 0.75 * (high - low)
            if (at[axis] - high - margin) * (at[axis] - low + margin) > 0:
                return False
        return True


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_frames_are_those_of_the_definition(training, flat):
    memory, slow = filled(training), Slow(filled(training))
    for x in frames(flat):
        (out,) = memory([x])
        torch.testing.assert_close(out.features, slow.step(x))
        assert torch.equal(out.coordinates, x.coordinates)


def test_untrained_it_changes_nothing_and_its_layers_learn():
    memory = MultilevelMemory([CHANNELS]).double()
    total = 0
    for x in frames():
        (out,) = memory([x])
        assert torch.equal(out.features, x.features.relu())
        total = total + out.features.square().sum()
    total.backward()
    assert all((p.grad != 0).any() for p in memory.conv_convert[0][1].bn.parameters())


def test_a_later_frame_teaches_an_earlier_one():
    memory = filled(training=True)
    first, second, _ = frames()
    features = first.features.clone().requires_grad_()
    memory([first.replace(features)])
    (out,) = memory([second])
    out.features.sum().backward()
    assert features.grad.abs().sum() > 0


def test_after_a_reset_nothing_is_known():
    memory = filled(training=False)
    first, second, _ = frames()
    (fresh,) = memory([second])
    memory.reset()
    memory([first])
    (used,) = memory([second])
    memory.reset()
    (again,) = memory([second])
    assert torch.equal(again.features, fresh.features)
    assert not torch.allclose(used.features, fresh.features)
    assert not [n for n in memory.state_dict() if "known" in n or "times" in n]


def test_the_box_includes_its_sides_and_leaves_other_scenes_out():
    current = torch.tensor([[0, 0, 0, 5], [0, 8, 4, 5]])
    asked = [[0, 14, 0, 5], [0, 15, 0, 5], [0, -6, 7, 5], [0, 0, -9, 6], [1, 0, 0, 5]]
    found = distance(torch.tensor(asked), *surroundings(current, scale=2.5))
    assert found.tolist() == [0, 1, 0, 6, float("inf")]


def test_a_budget_bounds_the_memory_and_keeps_what_is_near():
    whole, bounded = filled(training=False), filled(training=False)
    far = frames()[0]
    far.coordinates[:, 1] += 100 * STRIDE
    far = SparseTensor(far.features, far.coordinates, STRIDE)
    number = max(len(x.coordinates) for x in frames())
    bounded.budget = 2 * number
    for memory in (whole, bounded):
        memory([far])
        memory([frames()[1]])
    # the two near frames fit, the far one goes for them
    for x in (frames()[2], frames()[1]):
        (expected,), (found,) = whole([x]), bounded([x])
        torch.testing.assert_close(found.features, expected.features)
        assert len(bounded.known[0].coordinates) <= bounded.budget
    assert len(whole.known[0].coordinates) > bounded.budget


@pytest.mark.parametrize("queue", [2, 3, 9])
def test_a_queue_spans_its_frames(queue):
    """Of two more frames that come back to where the first one was."""
    memory, views = filled(training=False), frames()
    memory.queue = queue
    slow, sizes = Slow(memory), []
    for x in (*views, views[0], views[1]):
        (out,) = memory([x])
        torch.testing.assert_close(out.features, slow.step(x))
        known, times = memory.known[0], memory.times[0]
        assert dict.fromkeys(map(tuple, known.coordinates.tolist())).keys() == (
            slow.known.keys()
        )
        assert torch.equal(known.coordinates, times.coordinates)
        sizes.append(len(known.coordinates))
    if queue == 2:  # nothing but the last frame
        assert sizes == [len(x.coordinates) for x in (*views, *views[:2])]
    if queue == 9:
        assert sizes[0] < sizes[2] == sizes[4]
    memory.reset()
    assert memory.times == [None]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0.5}, r"`scale` .* got 0\.5"),
        ({"budget": 0}, "`budget` .* got 0"),
        ({"queue": 1}, "`queue` must be at least 2, got 1"),
        ({"queue": 4, "budget": 9}, "`budget` 9 and `queue` 4 both"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        MultilevelMemory([8], **options)
