"""ESAM on the pretended GPU: every way of images into the points."""

import pytest

from tests.emulated_gpu.steps import predict, train_step
from tests.esam.models.fusion.test_bifusion import FUSION
from tests.esam.models.fusion.test_distillation import DISTILLATION
from tests.esam.models.pictures import (
    SOURCE,
    injection_changes,
    picture_batch,
    picture_frame,
)
from tests.esam.models.scenes import batch, frame, model_config, narrow_model
from tests.esam.models.test_online_features import frames as frames_with_images

pytestmark = pytest.mark.usefixtures("gpu")


def plain():
    return batch(frame(0, 500), frame(1, 300, 2))


def pictured():
    return picture_batch(picture_frame(0, 500), picture_frame(1, 300, 2))


def online():
    points, images, samples = zip(*frames_with_images())
    inputs = {"points": list(points), "img": list(images)}
    return {"inputs": inputs, "data_samples": list(samples)}


def class_aware():
    changes = model_config(num_classes=2)
    changes["decoder"]["num_instance_classes"] = 2
    changes["criterion"]["inst_criterion"]["num_classes"] = 2
    return changes


def legacy_matcher():
    criterion = model_config()["criterion"]
    criterion["inst_criterion"]["matcher"]["legacy"] = True
    return dict(criterion=criterion)


def frozen_backbone():
    changes = injection_changes()
    changes["backbone"]["injection"]["channels"] = 384
    backbone = dict(
        type="FrozenImageBackbone",
        name="dinov2_vits14",
        random_weights=True,
        input_size=(56, 42),
    )
    changes["image_features"] = dict(type="OnlineFeatures", backbone=backbone)
    return changes


BRANCHES = {
    "points": (dict, plain),
    "class-aware": (class_aware, plain),
    "published matcher": (legacy_matcher, plain),
    "injection, added": (injection_changes, pictured),
    "injection, joined": (lambda: injection_changes(form="concat"), pictured),
    "injection, largest": (lambda: injection_changes(pool="max"), pictured),
    "BiFusion": (lambda: dict(fusion=FUSION, image_features=SOURCE), pictured),
    "distillation": (
        lambda: dict(distillation=DISTILLATION, image_features=SOURCE),
        pictured,
    ),
    "online features": (frozen_backbone, online),
}


@pytest.mark.parametrize("branch", BRANCHES)
def test_training_and_prediction(branch):
    changes, data = BRANCHES[branch]
    model = narrow_model(**changes())
    assert "inst_loss" in train_step(model, data())
    for sample in predict(model, data()):
        assert sample.pred_pts_seg.pts_instance_mask[0].shape[1] > 0
