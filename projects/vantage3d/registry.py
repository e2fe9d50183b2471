"""The project's registries: children of mmdet3d's, scope ``vantage3d``.

The only file that touches mmdet3d's registries. A name is looked up here first and in
mmdet3d, mmdet and mmengine after that, so configs need no prefixes.
"""

from mmdet3d import registry as _parents
from mmengine.registry import Registry

SCOPE = "vantage3d"
_ENGINE = "vantage3d.engine"


def _child(name: str, *locations: str) -> Registry:
    parent = getattr(_parents, name)
    return Registry(parent.name, parent=parent, scope=SCOPE, locations=[*locations])


DATASETS = _child(
    "DATASETS",
    _ENGINE,
    "vantage3d.views.dataset",
    "vantage3d.views.fixed_windows",
    "vantage3d.views.kitti360",
    "vantage3d.deltas.datasets",
    "vantage3d.esam.datasets",
)
TRANSFORMS = _child(
    "TRANSFORMS", "vantage3d.process.seeding", "vantage3d.esam.datasets"
)
DATA_SAMPLERS = _child("DATA_SAMPLERS", _ENGINE, "vantage3d.views.dynamic_batches")
MODELS = _child(
    "MODELS",
    "vantage3d.esam.models",
    "vantage3d.esam.losses",
    "vantage3d.backbones2d.build",
    "vantage3d.vggt_lora.losses",
    "vantage3d.vggt_lora.models",
    "vantage3d.deltas.losses",
    "vantage3d.deltas.models",
)
TASK_UTILS = _child("TASK_UTILS", "vantage3d.esam.losses", "vantage3d.deltas.losses")
METRICS = _child(
    "METRICS",
    "vantage3d.esam.evaluation",
    "vantage3d.evaluation.windows.metric",
    "vantage3d.deltas.evaluation.depth_metric",
)
HOOKS = _child(
    "HOOKS",
    _ENGINE,
    "vantage3d.visualization",
    "vantage3d.vggt_lora.models",
    "vantage3d.deltas.evaluation.hooks",
)
RUNNERS = _child("RUNNERS", _ENGINE)
LOOPS = _child("LOOPS", _ENGINE)
OPTIM_WRAPPERS = _child("OPTIM_WRAPPERS", _ENGINE)
OPTIM_WRAPPER_CONSTRUCTORS = _child("OPTIM_WRAPPER_CONSTRUCTORS", _ENGINE)

# Nothing of ours registers in these, but mmengine warns at each build when the scope
# has no child of a registry.
_child("OPTIMIZERS")
_child("PARAM_SCHEDULERS")
_child("MODEL_WRAPPERS")
_child("WEIGHT_INITIALIZERS")
_child("EVALUATOR")
_child("LOG_PROCESSORS")
_child("VISUALIZERS")
_child("VISBACKENDS")
