"""DELTAS on 13 scenes of ScanNet, one small GPU: 10 to train, 1 to choose, 2 to test.

All of them are training scenes of ScanNet: the scenes from scene0707 on are its test
set. The checkpoint is chosen on one scene and tested on two others, so the figure is
of rooms that had no part in it. Batch norms keep their statistics after a tenth of the
training: those of two triplets are not those of a test. docs/deltas.md goes through it
command by command.

python tools/train.py configs/deltas/deltas_scannet_small.py
"""

_base_ = ["deltas_scannet.py"]

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    dataset=dict(sequences=[f"scene{number:04d}_00" for number in range(10)]),
)
val_dataloader = dict(
    batch_size=2, dataset=dict(split="train", sequences=["scene0010_00"])
)
test_dataloader = dict(
    batch_size=2,
    dataset=dict(split="train", sequences=["scene0012_00", "scene0013_00"]),
)
optim_wrapper = dict(accumulative_counts=6)
train_cfg = dict(max_iters=60_000, val_interval=3_000)
default_hooks = dict(checkpoint=dict(interval=3_000))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type="FreezeNormsHook", begin=6_000, modules=["supernet.*", "depthnet.*"]),
]
