"""Which pixels become keypoints."""

import pytest
import torch

from vantage3d.deltas.models.interest import CELL, KeypointSelector

SIZE = (45, 61)  # no multiples of the cell


def logits(samples: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(samples, 65, 6, 8, generator=generator)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def heat_of(values: torch.Tensor) -> torch.Tensor:
    """(B, H, W) probability of each pixel, cell by cell."""
    shares = values.softmax(1)
    heat = torch.zeros(len(values), 6 * CELL, 8 * CELL)
    for row in range(6 * CELL):
        for column in range(8 * CELL):
            channel = CELL * (row % CELL) + column % CELL
            heat[:, row, column] = shares[:, channel, row // CELL, column // CELL]
    return heat[:, : SIZE[0], : SIZE[1]]


def greedy(heat: torch.Tensor, radius: int, rounds: int) -> torch.Tensor:
    """Local maxima; then those of what they leave, a few times: pixel by pixel."""
    kept = torch.zeros_like(heat, dtype=torch.bool)
    for _ in range(rounds):
        rest = heat.clone()
        for y, x in kept.nonzero().tolist():
            rest[window(y, x, radius)] = 0
        new = [
            (y, x)
            for y in range(heat.shape[0])
            for x in range(heat.shape[1])
            if rest[y, x] > 0 and rest[y, x] == rest[window(y, x, radius)].max()
        ]
        for y, x in new:
            kept[y, x] = True
    return kept


def window(y: int, x: int, radius: int) -> tuple[slice, slice]:
    return (
        slice(max(y - radius, 0), y + radius + 1),
        slice(max(x - radius, 0), x + radius + 1),
    )


def test_detections_are_the_peaks_of_the_heat():
    values = logits(1)
    heat = heat_of(values)[0]
    expected = greedy(heat, 3, rounds=3) & (heat > 0.05)
    inside = torch.zeros_like(expected)
    inside[2:-2, 2:-2] = True
    select = KeypointSelector(nms_radius=3, detection_threshold=0.05, remove_borders=2)
    found = select.detections(values, SIZE)[0]
    assert torch.equal(found > 0, expected & inside)
    torch.testing.assert_close(found[found > 0], heat[expected & inside])


def test_half_are_the_best_detections_and_the_rest_is_drawn():
    select = KeypointSelector(num_kps=40, nms_radius=2)
    pixels, scores = select(logits(), SIZE, seeded())
    assert pixels.shape == (3, 40, 2)
    strength = select.detections(logits(), SIZE)
    for i in range(3):
        x, y = pixels[i].long().T
        assert len(set(zip(x.tolist(), y.tolist()))) == 40
        assert int(x.max()) < SIZE[1]
        assert int(y.max()) < SIZE[0]
        best = strength[i].flatten().topk(20).values
        assert torch.equal(scores[i, :20], best)
        assert torch.equal(strength[i, y[:20], x[:20]], best)
        assert torch.equal(scores[i, 20:], torch.zeros(20))


def test_fewer_detections_leave_more_to_chance_and_none_is_drawn_twice():
    select = KeypointSelector(num_kps=SIZE[0] * SIZE[1], detection_threshold=0.2)
    pixels, scores = select(logits(1), SIZE, seeded())
    assert 0 < int((scores > 0).sum()) < 40
    assert len(torch.unique(pixels[0], dim=0)) == SIZE[0] * SIZE[1]


@pytest.mark.bitwise
def test_the_batch_does_not_change_a_samples_points():
    select = KeypointSelector(num_kps=30, nms_radius=2)
    together, _ = select(logits(), SIZE, seeded())
    alone, _ = select(logits()[1:2], SIZE, seeded())
    assert torch.equal(together[1], alone[0])
    other, _ = select(logits()[1:2], SIZE, seeded(1))
    assert torch.equal(other[0, :15], alone[0, :15])
    assert not torch.equal(other, alone)


def test_drawn_pixels_cover_the_image_evenly():
    select = KeypointSelector(num_kps=900, frac_superpoint=0.0)
    pixels, _ = select(logits(1), SIZE, seeded())
    for axis, extent in ((0, SIZE[1]), (1, SIZE[0])):
        quarter = (pixels[0, :, axis] * 4 / extent).long()
        counts = torch.bincount(quarter, minlength=4)
        assert counts.min() > 180, counts
        assert len(counts) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(num_kps=0), "`num_kps` must be positive, got 0"),
        (dict(frac_superpoint=1.5), r"`frac_superpoint` must be in \[0, 1\], got 1.5"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        KeypointSelector(**options)


def test_more_points_than_pixels():
    select = KeypointSelector(num_kps=10_000)
    with pytest.raises(ValueError, match="at most the 2745 pixels of a 61x45 image"):
        select(logits(), SIZE, seeded())
