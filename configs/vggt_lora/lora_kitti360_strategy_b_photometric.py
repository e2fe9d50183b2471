"""Strategy B on KITTI-360 with a photometric term: frames warped by depth must agree.

5 620 768 parameters in 94 layers; 50 epochs of 500 steps, a step is 8 samples of 8
frames. Vehicles count half in it, as in all terms, for they may move.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_photometric.py
"""

_base_ = ["lora_kitti360_strategy_b.py"]

model = dict(criterion=dict(photometric=dict(weight=0.5)))
