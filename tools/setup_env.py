"""Create the virtual environment: one command, resumable, a no-op when done.

    python3.11 tools/setup_env.py --venv .venv [--minkowski]

Only the standard library is used, because nothing else exists yet. Every step leaves
a stamp in the environment that names what it installed; a step whose stamp is current
is skipped, so an interrupted set-up continues and a second call does nothing.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
REQUIRED_PYTHON = (3, 11)
BUILD_BASE = ["pip", "wheel", "setuptools<81", "ninja", "packaging", "psutil"]
LIBRARIES = [
    "mmengine", "mmdet", "mmdet3d", "timm", "peft", "evo", "pycolmap", "rerun-sdk",
    "safetensors", "scikit-image", "matplotlib", "rich", "transformers", "h5py",
]  # fmt: skip
DEVELOPMENT = ["pytest", "pytest-xdist", "ruff", "mypy", "codespell", "pre-commit"]


@dataclass
class Step:
    """One pip call: what it shows, what it runs and how long it usually takes."""

    name: str
    about_minutes: float
    pip_args: list[str]
    depends_on: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def stamp(self) -> str:
        """Identity of what this step installs."""
        text = "\n".join([*self.pip_args, self.depends_on])
        return hashlib.sha256(text.encode()).hexdigest()


def plan(minkowski: bool) -> list[Step]:
    """The steps in the only order that works: torch before whatever compiles on it."""
    steps = [
        library_step("build tools", 0.2, BUILD_BASE),
        library_step("torch and torchvision", 2, ["torch", "torchvision"]),
        library_step("mmdetection3d and libraries", 2, LIBRARIES),
        library_step("development tools", 0.2, DEVELOPMENT),
        compiled_step("mmcv", 8, {"MMCV_WITH_OPS": "1"}),
    ]
    if minkowski:
        environment = {"SETUPTOOLS_USE_DISTUTILS": "stdlib"}
        steps.append(compiled_step("MinkowskiEngine", 4, environment))
    editable = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    steps.append(Step("vantage3d", 0.1, editable))
    return steps


def library_step(name: str, about_minutes: float, packages: list[str]) -> Step:
    """Wheels from the registry in the pinned versions."""
    pins = {"PIP_CONSTRAINT": str(CONSTRAINTS)}
    return Step(name, about_minutes, packages, CONSTRAINTS.read_text(), pins)


def compiled_step(name: str, about_minutes: float, environment: dict) -> Step:
    """A package that compiles against the installed torch; its wheel fits no other."""
    jobs = {"MAX_JOBS": os.environ.get("MAX_JOBS", str(os.cpu_count() or 1))}
    flags = ["--no-build-isolation", "--no-deps", "--force-reinstall", *wheel_cache()]
    return Step(
        f"{name} (compiles its operators)",
        about_minutes,
        [pinned_version(name), *flags],
        pinned_version("torch"),
        {**environment, **jobs},
    )


def pinned_version(name: str) -> str:
    """The ``name==version`` line of the constraints file."""
    for line in CONSTRAINTS.read_text().splitlines():
        if line.lower().startswith(name.lower() + "=="):
            return line.strip()
    raise SystemExit(f"{CONSTRAINTS}: no line `{name}==VERSION`. Add the pin.")


def wheel_cache() -> list[str]:
    """Pip cache of compiled wheels, keyed by torch: their binaries only fit one."""
    key = pinned_version("torch").replace("==", "-")
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return ["--cache-dir", str(base / "vantage3d" / f"wheels-{key}")]


def run_with_clock(command: list[str], step: Step, log: Path) -> None:
    """Run ``command``, its output in ``log``, showing the time spent and expected."""
    interactive = sys.stdout.isatty()
    start = shown = time.monotonic()
    with log.open("w") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **step.environment},
        )
        while process.poll() is None:
            time.sleep(0.5)
            now = time.monotonic()
            if now - shown >= (1 if interactive else 30):
                shown = now
                clock = f"{now - start:4.0f} s of about {60 * step.about_minutes:.0f} s"
                print(f"      {clock}", end="\r" if interactive else "\n", flush=True)
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise SystemExit(
            f"{tail}\nSet-up failed in `{step.name}` (exit {process.returncode}).\n"
            f"Whole log: {log}. Mend the cause and call again: done steps are kept."
        )
    print(f"      done in {time.monotonic() - start:.0f} s", flush=True)


def check_python() -> None:
    if sys.version_info[:2] != REQUIRED_PYTHON:
        raise SystemExit(
            f"Python 3.11 is needed, got {sys.version.split()[0]} ({sys.executable}). "
            "Install python3.11 and call `make PYTHON=python3.11 ...`."
        )


def check_openblas() -> None:
    """MinkowskiEngine needs the OpenBLAS headers; say so before minutes are lost."""
    candidates = [
        "/usr/include/openblas/cblas.h",
        *map(str, Path("/usr/include").glob("*/cblas.h")),
    ]
    if not any(Path(path).exists() for path in candidates):
        raise SystemExit(
            "MinkowskiEngine needs the OpenBLAS headers (cblas.h was not found under "
            "/usr/include). Install them: `apt-get install libopenblas-dev`."
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument(
        "--minkowski", action="store_true", help="also build MinkowskiEngine"
    )
    args = parser.parse_args()
    check_python()
    if args.minkowski:
        check_openblas()
    folder = args.venv.resolve()
    python, stamps = folder / "bin" / "python", folder / "vantage3d-stamps"
    if not python.exists():
        print(f"Creating {folder}", flush=True)
        venv.create(folder, with_pip=True)
    stamps.mkdir(exist_ok=True)
    steps = plan(args.minkowski)
    for number, step in enumerate(steps, 1):
        stamp = stamps / step.name.split(" ")[0]
        if stamp.exists() and stamp.read_text() == step.stamp():
            continue
        print(f"[{number}/{len(steps)}] {step.name}", flush=True)
        command = [str(python), "-m", "pip", "install", *step.pip_args]
        run_with_clock(command, step, stamps / f"{number}.log")
        stamp.write_text(step.stamp())
    check = (
        "import torch, torchvision, mmdet3d; from mmcv.ops import nms; import vantage3d"
    )
    verified = stamps / "verified"
    if not verified.exists() or verified.stat().st_mtime < max(
        path.stat().st_mtime for path in stamps.iterdir()
    ):
        subprocess.run([str(python), "-W", "ignore", "-c", check], check=True, cwd="/")
        verified.touch()
        print(f"Ready: {folder}", flush=True)


if __name__ == "__main__":
    main()
