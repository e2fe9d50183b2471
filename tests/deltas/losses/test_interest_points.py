"""Interest points: labels in closed form, teachers, and what is said without one."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from vantage3d.deltas.losses import interest_points
from vantage3d.deltas.losses.interest_points import (
    NO_POINT,
    CornerTeacher,
    InterestPointLoss,
    SuperPointTeacher,
    cell_labels,
    corner_strength,
    load_superpoint,
    remove_border,
    suppress_neighbours,
    to_gray,
    transformers_names,
)
from vantage3d.engine.errors import CheckpointError
from vantage3d.registry import TASK_UTILS

# The authors' architecture, written down once more: name, in, out, kernel.
AUTHORS_LAYERS = (
    ("conv1a", 1, 64, 3), ("conv1b", 64, 64, 3), ("conv2a", 64, 64, 3),
    ("conv2b", 64, 64, 3), ("conv3a", 64, 128, 3), ("conv3b", 128, 128, 3),
    ("conv4a", 128, 128, 3), ("conv4b", 128, 128, 3), ("convPa", 128, 256, 3),
    ("convPb", 256, 65, 1), ("convDa", 128, 256, 3), ("convDb", 256, 256, 1),
)  # fmt: skip


def authors_weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, inputs, outputs, kernel in AUTHORS_LAYERS:
        shape = (outputs, inputs, kernel, kernel)
        scale = (2 / (inputs * kernel**2)) ** 0.5
        state[f"{name}.weight"] = scale * torch.randn(shape, generator=generator)
        state[f"{name}.bias"] = 0.1 * torch.randn(outputs, generator=generator)
    return state


def authors_logits(state: dict, gray: torch.Tensor) -> torch.Tensor:
    """The detector as the authors' code computes it, from their names."""

    def conv(name: str, x: torch.Tensor, padding: int = 1) -> torch.Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return functional.conv2d(x, weight, bias, padding=padding)

    x = gray
    for block in "1234":
        x = conv(f"conv{block}a", x).relu()
        x = conv(f"conv{block}b", x).relu()
        x = functional.max_pool2d(x, 2) if block != "4" else x
    return conv("convPb", conv("convPa", x).relu(), 0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("superpoint") / "superpoint_v1.pth"
    torch.save(authors_weights(), path)
    return path


def images(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(seed))


def test_the_best_point_of_a_cell_is_its_class():
    scores = torch.zeros(1, 16, 24)
    scores[0, 3, 5], scores[0, 2, 2], scores[0, 15, 23] = 0.9, 0.5, 0.2
    labels = cell_labels(scores, 0.3)
    assert labels.tolist() == [[[8 * 3 + 5, 64, 64], [64, 64, 64]]]
    assert cell_labels(scores, 0.1)[0, 1, 2] == 63


def test_suppression_against_the_obvious_loop():
    scores = torch.rand(1, 12, 15, generator=torch.Generator().manual_seed(1))
    kept = suppress_neighbours(scores, 2)[0]
    for y, x in np.ndindex(12, 15):
        around = scores[0, max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        assert (kept[y, x] > 0) == (scores[0, y, x] == around.max())


def test_borders():
    kept = remove_border(torch.ones(1, 6, 7), 2)
    assert kept.sum() == 2 * 3 and kept[0, 2:4, 2:5].all()
    assert remove_border(torch.ones(1, 6, 7), 0).all()


def test_corners_of_a_square_and_nothing_else():
    image = torch.zeros(1, 3, 32, 32)
    image[..., 10:22, 9:23] = 1
    labels = CornerTeacher(quality=0.3).labels(image)
    found = (labels != NO_POINT).nonzero()[:, 1:].tolist()
    assert found == [[1, 1], [1, 2], [2, 1], [2, 2]]
    dy, dx = divmod(int(labels[0, 1, 1]), 8)
    assert abs(8 + dy - 10) <= 1 and abs(8 + dx - 9) <= 1


def test_corner_strength_is_the_smaller_eigenvalue():
    cv2 = pytest.importorskip("cv2")
    gray = to_gray(images())[:1]
    ours = corner_strength(gray, 5)[0, 8:-8, 8:-8].numpy()
    theirs = cv2.cornerMinEigenVal(gray[0, 0].numpy(), 5, ksize=3)[8:-8, 8:-8]
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9999


def test_an_image_without_texture_has_no_corner():
    assert (CornerTeacher().labels(torch.full((1, 3, 16, 16), 0.4)) == NO_POINT).all()


def test_the_fallback_says_that_it_is_one(monkeypatch):
    said = []
    monkeypatch.setattr(
        interest_points, "print_log", lambda text, **_: said.append(text)
    )
    TASK_UTILS.build(dict(type="CornerTeacher"))
    assert "CORNER LABELS (Shi-Tomasi), not distilled" in said[0]


def test_superpoint_computes_the_authors_logits_from_their_file(weights):
    logits = SuperPointTeacher(weights).logits(images())
    expected = authors_logits(authors_weights(), to_gray(images()))
    assert torch.allclose(logits, expected, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.bitwise
def test_superpoint_reads_the_file_of_transformers_too(weights, tmp_path):
    from safetensors.torch import save_file

    state = transformers_names(authors_weights())
    save_file(state, tmp_path / "model.safetensors")
    one = SuperPointTeacher(weights).logits(images())
    other = SuperPointTeacher(tmp_path / "model.safetensors").logits(images())
    assert torch.equal(one, other)


def test_superpoint_labels_are_its_peaks(weights):
    teacher = SuperPointTeacher(weights, threshold=0.0, border=0, nms_radius=4)
    labels = teacher.labels(images())
    shares = teacher.logits(images()).softmax(1)[:, :64]
    heat = functional.pixel_shuffle(shares, 8)[:, 0]
    image, row, column = (labels != NO_POINT).nonzero().unbind(1)
    dy, dx = labels[image, row, column] // 8, labels[image, row, column] % 8
    assert len(image) > 5
    for i, y, x in zip(image, 8 * row + dy, 8 * column + dx):
        around = heat[i, max(0, y - 4) : y + 5, max(0, x - 4) : x + 5]
        assert heat[i, y, x] == around.max()


def test_missing_weights_tell_what_to_do(tmp_path):
    teacher = SuperPointTeacher(str(tmp_path / "none.pth"))
    with pytest.raises(FileNotFoundError, match=r"none\.pth do not exist.*CornerTeach"):
        teacher.labels(images())


def test_another_networks_weights_are_refused(tmp_path):
    state = authors_weights()
    state["convPb.weight"] = torch.zeros(66, 256, 1, 1)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"1 of 24 tensors.*conv_score_b\.weight"):
        load_superpoint(tmp_path / "other.pth")


def test_the_teacher_is_not_trained_and_not_part_of_the_model(weights):
    loss = InterestPointLoss(SuperPointTeacher(str(weights)))
    logits = torch.zeros(2, 65, 4, 6, requires_grad=True)
    loss(logits, images()).backward()
    assert logits.grad.abs().sum() > 0
    assert load_superpoint(weights).training is False
    net = loss.teacher._net
    assert not any(p.requires_grad for p in net.parameters())


def test_soft_loss_is_zero_for_the_teacher_itself_only(weights):
    teacher = SuperPointTeacher(str(weights))
    loss = InterestPointLoss(teacher, kind="soft")
    logits = teacher.logits(images())
    assert float(loss(logits, images())) == pytest.approx(0, abs=1e-5)
    assert float(loss(logits.flip(1), images())) > 0.01


def test_whole_cells_only():
    """Sizes that are no multiple of 8: the student has one cell more."""
    loss = InterestPointLoss(CornerTeacher())
    image = torch.rand(1, 3, 30, 45, generator=torch.Generator().manual_seed(0))
    value = loss(torch.zeros(1, 65, 4, 6), image)
    assert float(value) == pytest.approx(float(np.log(65)), rel=1e-5)


def test_corners_cannot_teach_softly():
    with pytest.raises(ValueError, match=r"'soft' needs a teacher .* CornerTeacher"):
        InterestPointLoss(CornerTeacher(), kind="soft")
    with pytest.raises(NotImplementedError, match="kind='hard'"):
        CornerTeacher().logits(images())
    with pytest.raises(ValueError, match=r"`kind` must be .* got 'warm'"):
        InterestPointLoss(CornerTeacher(), kind="warm")
