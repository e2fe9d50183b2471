"""The project's registries: children of mmdet3d's, scope ``vantage3d``.

The only file that touches mmdet3d's registries. A name is looked up here first and in
mmdet3d, mmdet and mmengine after that, so configs need no prefixes.
"""

import sys

from mmdet3d import registry as _parent
from mmengine.registry import Registry

SCOPE = "vantage3d"


def _child(parent: Registry, locations: list[str]) -> Registry:
    return Registry(parent.name, parent=parent, scope=SCOPE, locations=locations)


DATASETS = _child(
    _parent.DATASETS,
    [
        "projects.common.datasets",
        "projects.deltas.datasets",
        "projects.esam.datasets",
        "projects.vggt_lora.datasets",
    ],
)
TRANSFORMS = _child(
    _parent.TRANSFORMS, ["projects.common.datasets", "projects.esam.datasets"]
)
DATA_SAMPLERS = _child(
    _parent.DATA_SAMPLERS,
    ["projects.common.engine", "projects.vggt_lora.datasets"],
)
MODELS = _child(
    _parent.MODELS,
    [
        "projects.esam.models",
        "projects.esam.losses",
        "projects.common.backbones2d.online",
        "projects.vggt_lora.losses",
        "projects.vggt_lora.models",
        "projects.deltas.losses",
        "projects.deltas.models",
    ],
)
TASK_UTILS = _child(
    _parent.TASK_UTILS, ["projects.esam.losses", "projects.deltas.losses"]
)
METRICS = _child(
    _parent.METRICS,
    [
        "projects.esam.evaluation",
        "projects.vggt_lora.evaluation",
        "projects.deltas.evaluation",
    ],
)
HOOKS = _child(
    _parent.HOOKS,
    [
        "projects.common.engine",
        "projects.common.visualization",
        "projects.vggt_lora.models",
        "projects.deltas.evaluation",
    ],
)
RUNNERS = _child(_parent.RUNNERS, ["projects.common.engine"])
LOOPS = _child(_parent.LOOPS, ["projects.common.engine"])
OPTIM_WRAPPERS = _child(_parent.OPTIM_WRAPPERS, ["projects.common.engine"])
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    _parent.OPTIM_WRAPPER_CONSTRUCTORS, ["projects.common.engine"]
)

# Nothing of ours registers in these, but mmengine warns at each build when the scope
# has no child of a registry.
_child(_parent.OPTIMIZERS, [])
_child(_parent.PARAM_SCHEDULERS, [])
_child(_parent.MODEL_WRAPPERS, [])
_child(_parent.WEIGHT_INITIALIZERS, [])
_child(_parent.EVALUATOR, [])
_child(_parent.LOG_PROCESSORS, [])
_child(_parent.VISUALIZERS, [])
_child(_parent.VISBACKENDS, [])

# mmengine imports "<scope>.registry" at each build and warns when it is not there.
sys.modules[f"{SCOPE}.registry"] = sys.modules[__name__]
