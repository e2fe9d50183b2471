# Two commands: `make demo` sets everything up and runs the main job on synthetic rooms,
# `make test` sets everything up and runs the tests. VENV= chooses the environment.
PYTHON ?= python3.11
VENV ?= .venv
WORKERS ?= 2
# Where the demonstrations write.
DATA ?= data
WORK ?= work_dirs
# An RGB-D folder for `make demo-real` (data/README.md, "rgbd_folder"); without it the
# shelf recording next to the checkout is used.
RGBD ?=
SHELF ?= ../shared/data/apc_posed_rgbd_segm
RUN = $(VENV)/bin/python
# Networks as narrow as these train faster on one core than on two that wait, and half
# as fast again in two processes of one core each.
TRAIN = OMP_NUM_THREADS=1 $(RUN) tools/train.py
TRAIN_TWICE = OMP_NUM_THREADS=1 $(RUN) -m torch.distributed.run --standalone \
    --nproc-per-node 2 tools/train.py --launcher pytorch
ROOMS = --train-rooms 120 --val-rooms 30 --frames 2 --frame-step 200 --size 320x240 \
    --workers $(WORKERS)
DELTAS = configs/deltas/deltas_synthetic.py
DELTAS_ROOMS = --train-rooms 80 --val-rooms 12 --frames 12 --frame-step 20 \
    --size 256x192 --workers $(WORKERS)
DEMO = configs/ESAM_CA/ESAM_sv_synthetic_CA.py
REAL = configs/ESAM_CA/ESAM_sv_rgbd_folder_CA.py
REAL_RAW = $(if $(RGBD),$(RGBD),$(DATA)/shelf-rgbd)
REAL_NAME = real-$(if $(RGBD),$(notdir $(patsubst %/,%,$(RGBD))),shelf)
REAL_DATA = --data-root $(DATA)/$(REAL_NAME)
REAL_WORK = $(WORK)/demo-real/$(REAL_NAME)

.PHONY: setup minkowski demo demo-real demo-deltas test lint doctor

setup:
	@$(PYTHON) tools/setup_env.py --venv $(VENV)

minkowski:
	@$(PYTHON) tools/setup_env.py --venv $(VENV) --minkowski

demo: setup
	$(RUN) tools/make_synthetic.py scannet --out $(DATA)/synthetic $(ROOMS)
	$(RUN) tools/create_data.py scannet200_sv --root-path $(DATA)/synthetic \
	    --out-dir $(DATA)/synthetic --workers $(WORKERS)
	$(TRAIN_TWICE) $(DEMO) --data-root $(DATA)/synthetic \
	    --work-dir $(WORK)/demo --resume
	$(RUN) tools/test.py $(DEMO) $(WORK)/demo --data-root $(DATA)/synthetic \
	    --work-dir $(WORK)/demo

demo-real: setup
ifeq ($(RGBD),)
	$(RUN) tools/create_data.py apc_shelf --root-path $(SHELF) \
	    --out-dir $(DATA)/shelf-rgbd
endif
	$(RUN) tools/create_data.py rgbd_folder --root-path $(REAL_RAW) \
	    --out-dir $(DATA)/$(REAL_NAME) --workers $(WORKERS)
	$(TRAIN) $(REAL) $(REAL_DATA) --work-dir $(REAL_WORK) --resume
	$(RUN) tools/test.py $(REAL) $(REAL_WORK) $(REAL_DATA) --work-dir $(REAL_WORK)

demo-deltas: setup
	$(RUN) tools/make_synthetic.py scannet --out $(DATA)/deltas-rooms/raw \
	    $(DELTAS_ROOMS)
	$(RUN) tools/create_data.py scannet_frames --root-path $(DATA)/deltas-rooms/raw \
	    --out-dir $(DATA)/deltas-rooms --workers $(WORKERS)
	$(TRAIN_TWICE) $(DELTAS) --data-root $(DATA)/deltas-rooms \
	    --work-dir $(WORK)/demo-deltas --resume
	OMP_NUM_THREADS=$(WORKERS) $(RUN) tools/test.py $(DELTAS) $(WORK)/demo-deltas \
	    --data-root $(DATA)/deltas-rooms --work-dir $(WORK)/demo-deltas

test: setup
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist worksteal

lint: setup
	$(RUN) -m ruff check . && $(RUN) -m ruff format --check .
	$(RUN) -m mypy && $(RUN) -m codespell_lib

doctor: setup
	$(RUN) tools/doctor.py
