"""Strategy B on KITTI-360 with terms on the shape of surfaces: normals and flatness.

5 620 768 parameters in 94 layers; 50 epochs of 500 steps, a step is 8 samples of 8
frames. Together the two terms add at most half of the plain residual of the depth.

python tools/train.py configs/vggt_lora/lora_kitti360_strategy_b_geometry.py
"""

_base_ = ["lora_kitti360_strategy_b.py"]

model = dict(criterion=dict(surface=dict(normal=0.5, plane=2.0, cap=0.5)))
