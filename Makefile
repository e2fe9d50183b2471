# Two commands: `make demo` sets everything up and runs the main job on synthetic rooms,
# `make test` sets everything up and runs the tests. VENV= chooses the environment.
PYTHON ?= python3.11
VENV ?= .venv
WORKERS ?= 2
# An RGB-D folder for `make demo-real` (data/README.md, "rgbd_folder"); without it the
# shelf recording next to the checkout is used.
RGBD ?=
SHELF ?= ../shared/data/apc_posed_rgbd_segm
RUN = $(VENV)/bin/python
ROOMS = --train-rooms 40 --val-rooms 10 --frames 6 --frame-step 200 --size 320x240 \
    --workers $(WORKERS)
DEMO = configs/ESAM_CA/ESAM_sv_synthetic_CA.py
REAL = configs/ESAM_CA/ESAM_sv_rgbd_folder_CA.py
REAL_RAW = $(if $(RGBD),$(RGBD),data/shelf-rgbd)
REAL_NAME = real-$(if $(RGBD),$(notdir $(patsubst %/,%,$(RGBD))),shelf)
REAL_OPTIONS = $(foreach split,train val test,\
    $(split)_dataloader.dataset.data_root=data/$(REAL_NAME)/)

.PHONY: setup minkowski demo demo-real test lint doctor

setup:
	@$(PYTHON) tools/setup_env.py --venv $(VENV)

minkowski:
	@$(PYTHON) tools/setup_env.py --venv $(VENV) --minkowski

demo: setup
	$(RUN) tools/make_synthetic.py scannet --out data/synthetic $(ROOMS)
	$(RUN) tools/create_data.py scannet200_sv --root-path data/synthetic \
	    --out-dir data/synthetic --workers $(WORKERS)
	$(RUN) tools/train.py $(DEMO) --work-dir work_dirs/demo --resume
	$(RUN) tools/test.py $(DEMO) work_dirs/demo --work-dir work_dirs/demo

demo-real: setup
ifeq ($(RGBD),)
	$(RUN) tools/create_data.py apc_shelf --root-path $(SHELF) --out-dir data/shelf-rgbd
endif
	$(RUN) tools/create_data.py rgbd_folder --root-path $(REAL_RAW) \
	    --out-dir data/$(REAL_NAME) --workers $(WORKERS)
	$(RUN) tools/train.py $(REAL) --work-dir work_dirs/demo-real/$(REAL_NAME) --resume \
	    --cfg-options $(REAL_OPTIONS)
	$(RUN) tools/test.py $(REAL) work_dirs/demo-real/$(REAL_NAME) \
	    --work-dir work_dirs/demo-real/$(REAL_NAME) --cfg-options $(REAL_OPTIONS)

test: setup
	$(RUN) -m pytest

lint: setup
	$(RUN) -m ruff check . && $(RUN) -m ruff format --check .
	$(RUN) -m mypy && $(RUN) -m codespell_lib

doctor: setup
	$(RUN) tools/doctor.py
