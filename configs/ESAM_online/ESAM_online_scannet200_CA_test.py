"""ESAM online, class-agnostic, ScanNet200, for weights trained elsewhere.

For streams; released weights are of either norm in the merge head (`norm` "batch" or
"layer"), and those of the other one are refused. The test is that of single frames.

python tools/run_stream.py SOURCE --weights CHECKPOINT --out OUT \
    --config configs/ESAM_online/ESAM_online_scannet200_CA_test.py
python tools/test.py configs/ESAM_online/ESAM_online_scannet200_CA_test.py CHECKPOINT
"""

_base_ = [
    "../_base_/datasets/scannet200_sv.py",
    "../_base_/evaluation/instances.py",
    "../_base_/models/esam_online.py",
]

train_dataloader = None
val_dataloader = None
val_evaluator = None
test_cfg = dict()
