"""What every run shares: scope, runner, hooks, randomness.

A leaf config inherits this and states only what differs, for example
``default_hooks = dict(checkpoint=dict(interval=5, save_best="all_ap"))``.
"""

default_scope = "vantage3d"
runner_type = "Vantage3DRunner"

default_hooks = dict(
    runtime_info=dict(type="RuntimeInfoHook"),
    timer=dict(type="IterTimerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    logger=dict(type="LoggerHook", interval=10),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="CheckpointHook", interval=1, max_keep_ckpts=3),
)

# fork keeps the parent's imports: a worker starts in milliseconds.
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)

# The same seed gives the same weights, bit for bit, on the same machine. What a config
# trains has deterministic forms on CUDA (docs/gpu.md); a module of yours that has none
# needs deterministic=False, and torch names its operation.
randomness = dict(seed=0, deterministic=True)

log_processor = dict(type="LogProcessor", window_size=10, by_epoch=True)
log_level = "INFO"

load_from = None
resume = False
