# Two commands: `make demo` sets everything up and runs the main job on synthetic rooms,
# `make test` sets everything up and runs the tests. VENV= chooses the environment.
PYTHON ?= python3.11
VENV ?= .venv
WORKERS ?= 2
# Where the demonstrations write.
DATA ?= data
WORK ?= work_dirs
# An RGB-D folder for `make demo-real` (data/README.md, "rgbd_sv"); without it the
# shelf recording next to the checkout is used.
RGBD ?=
SHELF ?= ../shared/data/apc_posed_rgbd_segm
RUN = $(VENV)/bin/python
# glibc gives memory back after a training step and takes it again in the next: sixty of
# a thousand milliseconds.
export MALLOC_TRIM_THRESHOLD_ ?= 536870912
export MALLOC_MMAP_THRESHOLD_ ?= 67108864
# Networks as narrow as these train faster on one core than on two that wait, and half
# as fast again in two processes of one core each.
TRAIN = OMP_NUM_THREADS=1 $(RUN) tools/train.py
TEST = OMP_NUM_THREADS=1 $(RUN) tools/test.py
TRAIN_TWICE = OMP_NUM_THREADS=1 $(RUN) -m torch.distributed.run --standalone \
    --nproc-per-node 2 tools/train.py --launcher pytorch
# Rooms to learn from in `make demo`, and rooms never seen.
TRAIN_ROOMS ?= 120
VAL_ROOMS ?= 30
ROOMS = --train-rooms $(TRAIN_ROOMS) --val-rooms $(VAL_ROOMS) --frames 2 --frame-step 200 --size 320x240 \
    --workers $(WORKERS)
DELTAS = configs/deltas/deltas_synthetic.py
DELTAS_ROOMS = --train-rooms 80 --val-rooms 12 --frames 12 --frame-step 20 \
    --size 256x192 --workers $(WORKERS)
DEMO = configs/ESAM_CA/ESAM_sv_synthetic_CA.py
# As --cfg-options model.voxel_size=0.08.
DEMO_OPTIONS ?=
# Rows of `make demo-real`: without image features, and with those of a real network.
REAL_ROWS ?= points injection bifusion
REAL_SEEDS ?= 0
# As --cfg-options train_cfg.max_epochs=50.
REAL_OPTIONS ?=
REAL_points = points=configs/ESAM_CA/ESAM_sv_rgbd_folder_CA.py
REAL_injection = injection=configs/ESAM_CA/ESAM_sv_rgbd_folder_CA_efflite_inject.py
REAL_bifusion = bifusion=configs/ESAM_CA/ESAM_sv_rgbd_folder_CA_efflite_bifusion.py
REAL_PACK = $(if $(filter-out points,$(REAL_ROWS)),--pack-clip --feature-form safetensors)
REAL_RAW = $(if $(RGBD),$(RGBD),$(DATA)/shelf-rgbd)
REAL_NAME = real-$(if $(RGBD),$(notdir $(patsubst %/,%,$(RGBD))),shelf)
REAL_DATA = --data-root $(DATA)/$(REAL_NAME)
REAL_WORK = $(WORK)/demo-real/$(REAL_NAME)

# Rows of `make demo-fusion`, all from the same weights of the points alone; that of 2 cm
# from these after an epoch at 2 cm. FUSION_ROWS="points bifusion" for some.
FUSION_ROWS ?= points fine injection bifusion both shuffled imagenet untrained
FUSION_SEEDS ?= 0 1 2
FUSION = configs/ESAM_CA/ESAM_sv_synthetic_CA
FUSION_DATA = $(DATA)/flush
FUSION_WORK = $(WORK)/demo-fusion
FUSION_FEATURES = $(RUN) tools/extract_efficientnet_lite2_features.py --root-path \
    $(FUSION_DATA) --out-dir $(FUSION_DATA) --form safetensors --folder
FUSION_PACK = $(RUN) tools/create_data.py scannet200_sv --root-path $(FUSION_DATA) \
    --out-dir $(FUSION_DATA) --segmenter geometry --workers $(WORKERS) --pack-clip \
    --feature-form safetensors
fusion_steps = $(foreach key,train_cfg.max_epochs param_scheduler.1.end \
    param_scheduler.1.T_max,$(key)=$(1)) train_dataloader.batch_size=1 \
    optim_wrapper.optimizer.lr=1e-3
fusion_option = $(foreach loader,train test,$(loader)_dataloader.dataset.$(1))
FUSION_points = 3D only=$(FUSION).py
FUSION_fine = 3D only, 2 cm=$(FUSION).py model.voxel_size=0.02 \
    load_from=$(FUSION_WORK)/start-fine/epoch_1.pth
FUSION_injection = injection=$(FUSION)_dino_inject.py
FUSION_bifusion = BiFusion=$(FUSION)_dino_bifusion.py
FUSION_both = both=$(FUSION)_dino_bifusion_inject.py
FUSION_shuffled = injection, shuffled=$(FUSION)_dino_inject.py \
    $(call fusion_option,pipeline.2.shuffled=0)
FUSION_imagenet = injection, ImageNet=$(FUSION)_efflite_inject.py
FUSION_untrained = injection, untrained=$(FUSION)_efflite_inject.py \
    $(call fusion_option,pipeline.2.source.weights=random-seed-0) \
    train_dataloader.dataset.ann_file=$(FUSION_INFO)_train_clip_untrained.json \
    test_dataloader.dataset.ann_file=$(FUSION_INFO)_val_clip_untrained.json
FUSION_INFO = scannet200_sv_oneformer3d_infos

USE = OMP_NUM_THREADS=$(WORKERS) $(RUN) tools/predict.py
USE_DATA = $(DATA)/demo-use
USE_WORK = $(WORK)/demo-use
SEVENSCENES ?= ../shared/data/sevenscenes_tsdf

# Tours of `make demo-online`, to learn from and never seen, and its streams.
ONLINE = configs/ESAM_online/ESAM_online_synthetic_CA.py
ONLINE_DATA = $(DATA)/demo-online
ONLINE_WORK = $(WORK)/demo-online
ONLINE_SEED ?= 0
TOUR = rgbd_folder --size 320x240 --workers $(WORKERS)
STREAM = OMP_NUM_THREADS=1 $(RUN) tools/run_stream.py --weights $(ONLINE_WORK)/training
RULES = voxels legacy box_iou
# `voxels` is looked at, the others are compared with it.
SHOWN = video html rerun

# Drives of the two districts of `make demo-depth`, and where it works.
STREETS = kitti360 --frames 12 --size 352x94 --columns 1000 --workers $(WORKERS)
# LiDAR depth as far as the scanner reaches: what it is not taught, a network gets wrong.
LIDAR = --view 56 168 --depth-range 0.1 120
DEPTH_DATA = $(DATA)/demo-depth
# Of demo-depth and what builds on it. The data stay; any but 0 has folders of its own.
DEPTH_SEED ?= 0
SEEDED = $(patsubst %,-seed-%,$(filter-out 0,$(DEPTH_SEED)))
DEPTH_WORK = $(WORK)/demo-depth$(SEEDED)
DEPTH_BASE = configs/vggt_lora/finetune_kitti360_demo.py
DEPTH_LORA = configs/vggt_lora/lora_kitti360_strategy_b_demo.py
WITH_SEED = --cfg-options randomness.seed=$(DEPTH_SEED)
BASE_FILE = $(WITH_SEED) model.base_weights=$(DEPTH_WORK)/base
EVALUATE = $(RUN) tools/evaluate_depth.py $(DEPTH_LORA)
ON_BRICK = --data-root $(DEPTH_DATA)/brick --seq-stride 2 --max-seqs 30 \
    --stratified-sampling --min-building 100 --num-workers $(WORKERS) $(BASE_FILE) \
    test_dataloader.dataset.dataset.depth=exact

# Rows of `make demo-presets`: in what each differs from strategy B. `again` says how far
# another draw of batches and adapters is from it.
PRESETS ?= again half c qk finish surface photometric
PRESETS_METRICS = depth.full.abs_rel depth.full.delta1 depth.full.rmse \
    normals.full.angular_mean planarity.building.residual_mean
PRESET_again = randomness.seed=10$(DEPTH_SEED)
PRESET_half = "model.lora.target_modules=depth_head.*,aggregator.*_blocks.[3-5].*"
PRESET_c = "model.lora.target_modules=depth_head.*,aggregator.*_blocks.*" \
    model.lora.rank=32 model.lora.alpha=64 \
    model.criterion.depth.valid_range=0.98 model.criterion.curriculum.hold=0.3
PRESET_qk = model.lora.attention_parts=qk \
    "model.lora.target_modules=depth_head.*,aggregator.*_blocks.[45].attn.qkv"
PRESET_finish = load_from=$(DEPTH_WORK)/lora/iter_300.pth model.lora.alpha=8 \
    optim_wrapper.optimizer.lr=4e-4 param_scheduler.0.end=2 param_scheduler.1.begin=2 \
    param_scheduler.1.T_max=28 $(foreach key,param_scheduler.1.end train_cfg.max_iters \
    train_cfg.val_interval default_hooks.checkpoint.interval,$(key)=30)
PRESET_surface = model.criterion.surface.normal=0.5 model.criterion.surface.plane=2.0 \
    model.criterion.surface.cap=0.5
PRESET_photometric = model.criterion.photometric.weight=0.5

# The same for `make demo-poses`: the rig turns, so that there are poses to know. The
# suburb's scanner is not learned from.
POSES_DATA = $(DATA)/demo-poses
POSES_WORK = $(WORK)/demo-poses$(SEEDED)
POSES_BASE = configs/vggt_lora/finetune_kitti360_poses_demo.py
POSES_LORA = configs/vggt_lora/lora_kitti360_strategy_c_poses_demo.py
ROUND_1 = $(WITH_SEED) model.base_weights=$(POSES_WORK)/round-1
POSES_FILE = $(WITH_SEED) model.base_weights=$(POSES_WORK)/base

.PHONY: setup extras docs minkowski mmcv-ops demo demo-depth demo-poses \
    demo-presets demo-evaluate demo-deltas demo-real demo-fusion demo-use demo-long \
    demo-online test test-bitwise test-bitwise-avx2 test-bitwise-default lint doctor \
    gpu-check soak

setup:
	@$(PYTHON) tools/setup_env.py --venv $(VENV)

# Neither is needed: another sparse engine, and mmcv's operators for models from outside.
minkowski:
	@$(PYTHON) tools/setup_env.py --venv $(VENV) --minkowski

# What single outputs, the site and the notebooks need.
extras:
	@$(PYTHON) tools/setup_env.py --venv $(VENV) --extras

mmcv-ops:
	@$(PYTHON) tools/setup_env.py --venv $(VENV) --mmcv-ops

demo: setup
	$(RUN) tools/make_synthetic.py scannet --out $(DATA)/synthetic $(ROOMS)
	$(RUN) tools/create_data.py scannet200_sv --root-path $(DATA)/synthetic \
	    --out-dir $(DATA)/synthetic --workers $(WORKERS)
	$(TRAIN_TWICE) $(DEMO) --data-root $(DATA)/synthetic \
	    --work-dir $(WORK)/demo --resume $(DEMO_OPTIONS)
	$(RUN) tools/test.py $(DEMO) $(WORK)/demo --data-root $(DATA)/synthetic \
	    --work-dir $(WORK)/demo $(DEMO_OPTIONS)

demo-depth: setup
	$(RUN) tools/make_synthetic.py $(STREETS) --out $(DEPTH_DATA)/suburb/raw \
	    --style suburb --train-drives 24 --val-drives 4
	$(RUN) tools/make_synthetic.py $(STREETS) --out $(DEPTH_DATA)/brick/raw \
	    --style brick --train-drives 16 --val-drives 6 --seed 1
	for district in suburb brick; do $(RUN) tools/create_data.py kitti360 \
	    --root-path $(DEPTH_DATA)/$$district/raw --out-dir $(DEPTH_DATA)/$$district \
	    $(LIDAR) --workers $(WORKERS) || exit 1; done
	$(TRAIN_TWICE) $(DEPTH_BASE) --data-root $(DEPTH_DATA)/suburb \
	    --work-dir $(DEPTH_WORK)/base --resume $(WITH_SEED)
	$(TRAIN_TWICE) $(DEPTH_LORA) --data-root $(DEPTH_DATA)/brick \
	    --work-dir $(DEPTH_WORK)/lora --resume $(BASE_FILE)
	$(TEST) $(DEPTH_BASE) $(DEPTH_WORK)/base \
	    --data-root $(DEPTH_DATA)/suburb --work-dir $(DEPTH_WORK)/base
	$(TEST) $(DEPTH_LORA) $(DEPTH_WORK)/lora \
	    --data-root $(DEPTH_DATA)/brick --work-dir $(DEPTH_WORK) $(BASE_FILE)

demo-poses: demo-depth
	$(RUN) tools/make_synthetic.py $(STREETS) --out $(POSES_DATA)/suburb/raw \
	    --style suburb --train-drives 24 --val-drives 6 --sway 40 --columns 120
	$(RUN) tools/make_synthetic.py $(STREETS) --out $(POSES_DATA)/brick/raw \
	    --style brick --train-drives 12 --val-drives 8 --sway 40 --columns 500 --seed 1
	for district in suburb brick; do $(RUN) tools/create_data.py kitti360 \
	    --root-path $(POSES_DATA)/$$district/raw --out-dir $(POSES_DATA)/$$district \
	    $(LIDAR) --workers $(WORKERS) || exit 1; done
	$(TRAIN_TWICE) $(POSES_BASE) --data-root $(POSES_DATA)/suburb \
	    --work-dir $(POSES_WORK)/round-1 --resume $(BASE_FILE)
	$(TRAIN_TWICE) $(POSES_BASE) --data-root $(POSES_DATA)/suburb \
	    --work-dir $(POSES_WORK)/base --resume $(ROUND_1)
	$(TRAIN_TWICE) $(POSES_LORA) --data-root $(POSES_DATA)/brick \
	    --work-dir $(POSES_WORK)/lora --resume $(POSES_FILE)
	$(TEST) $(POSES_BASE) $(POSES_WORK)/base --data-root $(POSES_DATA)/suburb \
	    --work-dir $(POSES_WORK)/base $(ROUND_1)
	$(TEST) $(POSES_LORA) $(POSES_WORK)/lora --data-root $(POSES_DATA)/brick \
	    --work-dir $(POSES_WORK) $(POSES_FILE)

demo-evaluate: demo-depth
	$(EVALUATE) $(DEPTH_WORK)/lora --out-dir $(DEPTH_WORK)/evaluation $(ON_BRICK)
	$(RUN) tools/visualize_depth_metrics.py $(DEPTH_WORK)/evaluation

# What the variants of strategy B buy from the same base (docs/vggt_training.md).
demo-presets: demo-depth
	$(foreach row,$(PRESETS),$(TRAIN_TWICE) $(DEPTH_LORA) \
	    --data-root $(DEPTH_DATA)/brick --work-dir $(DEPTH_WORK)/$(row) --resume \
	    $(BASE_FILE) $(PRESET_$(row)) &&) true
	for row in lora $(PRESETS); do $(EVALUATE) \
	    $$(cat $(DEPTH_WORK)/$$row/last_checkpoint) --merge none --repeats 0 \
	    --groups depth normals planarity \
	    --out-dir $(DEPTH_WORK)/presets/$$row $(ON_BRICK) || exit 1; done
	for row in $(PRESETS); do $(RUN) tools/compare_depth_runs.py \
	    $(DEPTH_WORK)/presets/lora $(DEPTH_WORK)/presets/$$row \
	    --metrics $(PRESETS_METRICS) || exit 1; done

demo-real: $(if $(REAL_PACK),extras,setup)
ifeq ($(RGBD),)
	$(RUN) tools/create_data.py apc_shelf --root-path $(SHELF) \
	    --out-dir $(DATA)/shelf-rgbd
endif
	$(if $(REAL_PACK),$(RUN) tools/extract_efficientnet_lite2_features.py \
	    --root-path $(REAL_RAW) --out-dir $(DATA)/$(REAL_NAME) --form safetensors)
	$(RUN) tools/create_data.py rgbd_sv --root-path $(REAL_RAW) \
	    --out-dir $(DATA)/$(REAL_NAME) --workers $(WORKERS) $(REAL_PACK)
	OMP_NUM_THREADS=1 $(RUN) tools/compare.py $(REAL_DATA) --out $(REAL_WORK) \
	    --seeds $(REAL_SEEDS) --configs $(foreach row,$(REAL_ROWS),$(REAL_$(row))) \
	    $(REAL_OPTIONS)

# Image features on top of trained points, with controls (docs/fusion_comparison.md), after
# `make demo`, whose weights it begins with.
demo-fusion: extras
	$(RUN) tools/make_synthetic.py scannet --out $(FUSION_DATA) --theme flush \
	    --train-rooms 30 --val-rooms 12 --frames 6 --frame-step 200 --size 320x240 \
	    --workers $(WORKERS)
	$(RUN) tools/train_small_features.py --root $(FUSION_DATA) --epochs 8 \
	    --weights $(FUSION_WORK)/small_image_net/weights.safetensors
	$(FUSION_FEATURES) clip_feat_efflite
	$(FUSION_FEATURES) clip_feat_untrained --random-weights
	$(FUSION_PACK)
	for name in efflite untrained; do $(FUSION_PACK) --clip-suffix _clip_$$name \
	    --feature-root $(FUSION_DATA)/clip_feat_$$name || exit 1; done
	$(TRAIN) $(FUSION).py --data-root $(FUSION_DATA) --resume \
	    --work-dir $(FUSION_WORK)/start --cfg-options $(call fusion_steps,2) \
	    load_from=$(WORK)/demo/epoch_12.pth
	$(TRAIN) $(FUSION).py --data-root $(FUSION_DATA) --resume \
	    --work-dir $(FUSION_WORK)/start-fine --cfg-options $(call fusion_steps,1) \
	    load_from=$(FUSION_WORK)/start/epoch_2.pth model.voxel_size=0.02
	OMP_NUM_THREADS=1 $(RUN) tools/compare.py --data-root $(FUSION_DATA) \
	    --out $(FUSION_WORK)/rows --load-from $(FUSION_WORK)/start/epoch_2.pth \
	    --seeds $(FUSION_SEEDS) \
	    --configs $(foreach row,$(FUSION_ROWS),"$(FUSION_$(row))") \
	    --cfg-options $(call fusion_steps,1) custom_hooks=[]

demo-deltas: setup
	$(RUN) tools/make_synthetic.py scannet --out $(DATA)/deltas-rooms/raw \
	    $(DELTAS_ROOMS)
	$(RUN) tools/create_data.py scannet --root-path $(DATA)/deltas-rooms/raw \
	    --out-dir $(DATA)/deltas-rooms --workers $(WORKERS)
	$(TRAIN_TWICE) $(DELTAS) --data-root $(DATA)/deltas-rooms \
	    --work-dir $(WORK)/demo-deltas --resume
	OMP_NUM_THREADS=$(WORKERS) $(RUN) tools/test.py $(DELTAS) $(WORK)/demo-deltas \
	    --data-root $(DATA)/deltas-rooms --work-dir $(WORK)/demo-deltas

# What the three demonstrations trained, on a tour and a drive that none of them has seen,
# and on real frames where they are.
demo-use: setup
	$(RUN) tools/make_synthetic.py rgbd_folder --out $(USE_DATA)/tour --train-rooms 1 \
	    --val-rooms 0 --frames 24 --frame-step 12 --size 320x240 --seed 91
	$(RUN) tools/make_synthetic.py kitti360 --out $(USE_DATA)/drive --frames 12 \
	    --size 352x94 --columns 1000 --train-drives 1 --val-drives 0 --seed 91
	$(USE) esam $(USE_DATA)/tour --weights $(WORK)/demo --out $(USE_WORK)/esam \
	    --save html mesh ply video rerun
	$(USE) deltas $(USE_DATA)/tour --weights $(WORK)/demo-deltas \
	    --out $(USE_WORK)/deltas --save html mesh depth
	$(USE) vggt $(USE_DATA)/drive/data_2d_raw/2013_05_28_drive_0000_sync/image_00/data_rect \
	    --weights $(DEPTH_WORK)/base --out $(USE_WORK)/vggt --save html colmap transforms
ifneq ($(wildcard $(SEVENSCENES)),)
	$(USE) esam $(SEVENSCENES) --weights $(WORK)/demo --out $(USE_WORK)/sevenscenes \
	    --save html mesh video
endif
ifneq ($(wildcard $(SHELF)),)
	$(RUN) tools/create_data.py apc_shelf --root-path $(SHELF) \
	    --out-dir $(USE_DATA)/shelf
	$(USE) esam $(USE_DATA)/shelf --weights $(WORK)/demo --out $(USE_WORK)/shelf \
	    --save html coco
endif
	$(RUN) tools/index_results.py $(USE_WORK)

# Instances that keep their ids, by three rules, after `make demo`, whose weights it
# begins with. Of unseen rooms it takes every 40th frame of a camera, as scannet200_mv
# does. The streams run side by side.
demo-online: setup
	$(RUN) tools/make_synthetic.py $(TOUR) --out $(ONLINE_DATA)/tours --train-rooms 40 \
	    --val-rooms 0 --frames 8 --frame-step 60 --seed 20
	$(RUN) tools/make_synthetic.py $(TOUR) --out $(ONLINE_DATA)/unseen --train-rooms 0 \
	    --val-rooms 6 --frames 32 --frame-step 40 --seed 21
	$(RUN) tools/create_data.py rgbd_mv --root-path $(ONLINE_DATA)/tours \
	    --out-dir $(ONLINE_DATA)/sequences --workers $(WORKERS)
	$(TRAIN_TWICE) $(ONLINE) --data-root $(ONLINE_DATA)/sequences \
	    --work-dir $(ONLINE_WORK)/training --resume \
	    --cfg-options load_from=$(WORK)/demo/epoch_12.pth randomness.seed=$(ONLINE_SEED)
	$(foreach rule,$(RULES),$(STREAM) $(ONLINE_DATA)/unseen --association $(rule) \
	    --out $(ONLINE_WORK)/$(rule) --labels $(ONLINE_DATA)/unseen \
	    --save $(if $(filter voxels,$(rule)),$(SHOWN),npz) \
	    > $(ONLINE_WORK)/$(rule).log 2>&1 & all="$$all $$!";) \
	    $(if $(wildcard $(SEVENSCENES)),$(STREAM) $(SEVENSCENES) --save ply $(SHOWN) \
	    --out $(ONLINE_WORK)/sevenscenes \
	    > $(ONLINE_WORK)/sevenscenes.log 2>&1 & all="$$all $$!";) \
	    for one in $$all; do wait $$one || failed=1; done; \
	    tail -n 40 $(ONLINE_WORK)/*.log; test -z "$$failed"
	$(RUN) tools/index_results.py $(ONLINE_WORK)

# Long sequences in chunks; with `make demo-depth` before it, its network's figure too.
demo-long: setup
	OMP_NUM_THREADS=1 $(RUN) tools/benchmark.py long --out $(WORK)/demo-long \
	    $(if $(wildcard $(DEPTH_WORK)/base),--weights $(DEPTH_WORK)/base)

test: setup
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist loadscope \
	    --no-loadscope-reorder

# What asserts equal bits, with the matrix kernels of processors that this one is not.
BITWISE = OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=$(1) ONEDNN_MAX_CPU_ISA=$(2) $(RUN) \
    -m pytest -q -m bitwise $(shell grep -rlF mark.bitwise tests --include=*.py)
test-bitwise: test-bitwise-avx2 test-bitwise-default
test-bitwise-avx2: setup
	$(call BITWISE,avx2,AVX2)
test-bitwise-default: setup
	$(call BITWISE,default,SSE41)

lint: setup
	$(RUN) -m ruff check . && $(RUN) -m ruff format --check .
	$(RUN) -m mypy && $(RUN) -m codespell_lib

docs: extras
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --quiet --site-dir $(WORK)/site

doctor: setup
	$(RUN) tools/doctor.py

gpu-check: setup
	$(RUN) tools/benchmark.py gpu --out $(WORK)/gpu_check.json

# Fifty minutes of one core; docs/reliability.md is written anew. Stopped or killed, it
# goes on from there; without work_dirs/soak it begins anew.
soak: setup
	OMP_NUM_THREADS=1 $(RUN) tools/benchmark.py soak
