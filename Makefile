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
	$(RUN) tools/test.py $(DEMO) work_dirs/demo/last_checkpoint

demo-real: setup
ifeq ($(RGBD),)
	$(RUN) tools/create_data.py apc_shelf --root-path $(SHELF) --out-dir data/real
	$(RUN) tools/create_data.py rgbd_folder --root-path data/real --out-dir data/real
else
	$(RUN) tools/create_data.py rgbd_folder --root-path $(RGBD) --out-dir data/real
endif
	$(RUN) tools/train.py $(REAL) --work-dir work_dirs/demo-real --resume
	$(RUN) tools/test.py $(REAL) work_dirs/demo-real/last_checkpoint

test: setup
	$(RUN) -m pytest

lint: setup
	$(RUN) -m ruff check . && $(RUN) -m ruff format --check .
	$(RUN) -m mypy && $(RUN) -m codespell_lib

doctor: setup
	$(RUN) tools/doctor.py
