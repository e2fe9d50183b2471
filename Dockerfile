# One image for CPU and CUDA: torch's wheel brings its CUDA libraries, the driver comes
# from the host (`--gpus all`, NVIDIA container toolkit).
#
#   docker build -t vantage3d .
#   docker run --rm --gpus all --ipc host -v "$PWD/data:/data" \
#       -v "$PWD/work_dirs:/work_dirs" \
#       vantage3d predict esam data/desk --weights work_dirs/demo --out work_dirs/desk
#
# `--ipc host`: processes that load data hand it over in shared memory.
#
# No Docker runs where this file was written: it was never built. Its one step, `make
# extras` with another VENV, is what CI does on Debian; of system libraries the wheels ask
# for no more than the C and C++ runtimes and zlib, which the slim image has.
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /vantage3d
COPY . .
RUN make extras VENV=/opt/vantage3d PYTHON=python3.11 && rm -rf /root/.cache
ENV PATH=/opt/vantage3d/bin:$PATH
# Where `data` and `work_dirs` are the host's.
WORKDIR /
ENTRYPOINT ["vantage3d"]
CMD ["--help"]
