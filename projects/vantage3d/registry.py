"""The project's registries: children of mmdet3d's, scope ``vantage3d``.

The only file that touches mmdet3d's registries. A name is looked up here first and in
mmdet3d, mmdet and mmengine after that, so configs need no prefixes.
"""

from mmdet3d import registry as _parent
from mmengine.registry import Registry

SCOPE = "vantage3d"


def _child(parent: Registry, locations: list[str]) -> Registry:
    return Registry(parent.name, parent=parent, scope=SCOPE, locations=locations)


DATASETS = _child(
    _parent.DATASETS,
    [
        "vantage3d.engine",
        "vantage3d.views.dataset",
        "vantage3d.views.fixed_windows",
        "vantage3d.views.kitti360",
        "vantage3d.deltas.datasets",
        "vantage3d.esam.datasets",
    ],
)
TRANSFORMS = _child(
    _parent.TRANSFORMS, ["vantage3d.process.seeding", "vantage3d.esam.datasets"]
)
DATA_SAMPLERS = _child(
    _parent.DATA_SAMPLERS,
    ["vantage3d.engine", "vantage3d.views.dynamic_batches"],
)
MODELS = _child(
    _parent.MODELS,
    [
        "vantage3d.esam.models",
        "vantage3d.esam.losses",
        "vantage3d.backbones2d.online",
        "vantage3d.vggt_lora.losses",
        "vantage3d.vggt_lora.models",
        "vantage3d.deltas.losses",
        "vantage3d.deltas.models",
    ],
)
TASK_UTILS = _child(
    _parent.TASK_UTILS, ["vantage3d.esam.losses", "vantage3d.deltas.losses"]
)
METRICS = _child(
    _parent.METRICS,
    [
        "vantage3d.esam.evaluation",
        "vantage3d.vggt_lora.evaluation",
        "vantage3d.deltas.evaluation",
    ],
)
HOOKS = _child(
    _parent.HOOKS,
    [
        "vantage3d.engine",
        "vantage3d.visualization",
        "vantage3d.vggt_lora.models",
        "vantage3d.deltas.evaluation",
    ],
)
RUNNERS = _child(_parent.RUNNERS, ["vantage3d.engine"])
LOOPS = _child(_parent.LOOPS, ["vantage3d.engine"])
OPTIM_WRAPPERS = _child(_parent.OPTIM_WRAPPERS, ["vantage3d.engine"])
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    _parent.OPTIM_WRAPPER_CONSTRUCTORS, ["vantage3d.engine"]
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
