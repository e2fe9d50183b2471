"""What fine-tuning of VGGT shares, and the LoRA strategies as a table.

AdamW in groups, iterations instead of epochs: an iteration is one batch, the optimizer
steps after `accumulative_counts` of them. Warm-up and cosine go from and to a hundredth
of the rate; validation also runs before the first step. Every adapter (22 MB in
strategy B) and the newest three states to resume from stay. A leaf takes a row by
`_base_.strategies`, or a schedule by `_base_.finetune`, and states what differs.
"""

optim_wrapper = dict(
    type="OptimWrapper",
    constructor="GroupingConstructor",
    # The reference project meant the decay of its table to spare LoRA, and did not.
    paramwise_cfg=dict(no_decay=["*lora_*"]),
)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
# What --auto-scale-lr compares with: one sample per iteration, whatever is accumulated.
auto_scale_lr = dict(enable=False, base_batch_size=1)
# model.txt, a picture per validation, TensorBoard's files where it is installed.
custom_hooks = [dict(type="RunRecordHook")]

rise = dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0)
fall = dict(type="CosineAnnealingLR", by_epoch=False, eta_min_ratio=0.01)


def schedule(epochs, steps, warm_up, every=1):
    """Length, rates and checkpoints.

    `steps` iterations are an epoch, `warm_up` percent of all lead to the peak; every
    `every` epochs there is a validation and a checkpoint.
    """
    iters, interval = epochs * steps, every * steps
    peak = iters * warm_up // 100
    checkpoint = dict(
        by_epoch=False, keep_exports=True, save_best="depth.full.abs_rel", rule="less"
    )
    return dict(
        param_scheduler=[
            dict(**rise, end=peak),
            dict(**fall, begin=peak, end=iters, T_max=iters - peak),
        ],
        train_cfg=dict(
            type="IterBasedTrainLoop",
            val_begin=0,
            max_iters=iters,
            val_interval=interval,
        ),
        default_hooks=dict(checkpoint=dict(**checkpoint, interval=interval)),
        log_processor=dict(by_epoch=False),
    )


def strategy(
    layers, lr, clip, epochs, steps, warm_up, every=1,
    rank=16, alpha=32, decay=0.01, parts=1, criterion=None,
):  # fmt: skip
    """Adapted layers, peak rate, largest gradients, a schedule, and what is trained.

    A step is `parts` samples of 8 frames; `criterion` is what the losses differ in.
    """
    lora = dict(rank=rank, alpha=alpha, dropout=0.1, target_modules=layers)
    return dict(
        model=dict(lora=lora, criterion=criterion or dict()),
        optim_wrapper=dict(
            optimizer=dict(type="AdamW", lr=lr, weight_decay=decay),
            clip_modules=clip,
            accumulative_counts=parts,
        ),
        **schedule(epochs, steps, warm_up, every),
    )


# Layers
head = ["depth_head.projects.*", "depth_head.scratch.*"]
whole_head = ["depth_head.*"]
blocks = ["aggregator.frame_blocks", "aggregator.global_blocks"]
last_third = [f"{kind}.{part}.*" for kind in blocks for part in ("1[6-9]", "2[0-3]")]
last_ten = [f"{kind}.{part}.*" for kind in blocks for part in ("1[4-9]", "2[0-3]")]
last_half = [f"{kind}.{part}.*" for kind in blocks for part in ("1[2-9]", "2[0-3]")]
all_blocks = [f"{kind}.*.*" for kind in blocks]
trunk = ["camera_head.trunk.*"]
# Losses
facades = dict(curriculum=dict(boost=1.5, hold=0.4))
short = dict(depth=dict(valid_range=0.98), curriculum=dict(boost=1.5, hold=0.3))
camera = dict(camera=dict(weight=3.0))
# Strategies. On KITTI-360 an epoch of B and C is 500 steps of 8 samples, the 64 images
# of the reference project. It cut them into 5 parts (6 in its first stage), losing 3
# (2) of the samples; here a part is a sample and none is lost.
a = dict(layers=head, lr=1e-4, clip={"depth_head.*": 1.0})
b = dict(
    layers=whole_head + last_third, alpha=16, lr=1e-5, epochs=50, warm_up=15,
    steps=500 * 8, parts=8, clip={"aggregator.*": 0.3, "depth_head.*": 0.5},
    criterion=facades,
)  # fmt: skip
c = dict(
    b, layers=whole_head + all_blocks, rank=32, alpha=64, lr=2e-5, decay=0.05,
    epochs=200, warm_up=20, every=5, criterion=short,
)  # fmt: skip
# On ETH3D a step is one sample: the 4, 3 or 2 images that the reference project allows
# leave room for one of 8 frames. Its table does not say how many steps its epochs have;
# here they are 100.
eth3d = dict(epochs=100, steps=100, warm_up=10, every=2)
eth3d_b = dict(
    eth3d, layers=head + last_half, lr=5e-5,
    clip={"aggregator.*": 1.0, "depth_head.*": 1.0},
)  # fmt: skip
eth3d_c = dict(
    eth3d, layers=head + all_blocks + trunk, lr=3e-5, epochs=30, criterion=camera,
    clip={"aggregator.*": 0.5, "depth_head.*": 1.0, "camera_head.*": 1.0},
)  # fmt: skip
strategies = dict(
    kitti360_a=strategy(**a, epochs=20, steps=2000, warm_up=5, criterion=facades),
    kitti360_b=strategy(**b),
    kitti360_b_15epoch=strategy(**dict(b, epochs=15, alpha=32, lr=2e-5)),
    kitti360_b_soft=strategy(**dict(b, warm_up=10)),
    kitti360_b_10_blocks=strategy(**dict(b, layers=whole_head + last_ten)),
    kitti360_b_12_blocks=strategy(**dict(b, layers=whole_head + last_half)),
    kitti360_b_finish=strategy(**dict(b, alpha=8, lr=2e-6, epochs=5, warm_up=5)),
    kitti360_b_soft_all_layer=strategy(**dict(b, warm_up=10, layers=c["layers"])),
    kitti360_c=strategy(**c),
    eth3d_a=strategy(**a, **eth3d),
    eth3d_b=strategy(**eth3d_b),
    eth3d_c=strategy(**eth3d_c),
)
finetune = schedule(epochs=20, steps=800, warm_up=5)
