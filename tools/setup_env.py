"""Create or mend the virtual environment: one command, a no-op when all is well.

    python3.11 tools/setup_env.py --venv .venv [--extras] [--minkowski] [--mmcv-ops]

Only the standard library is used, because nothing else exists yet. What is installed is
compared with constraints.txt each time; what lacks, has another version or lost its
files is installed. Nothing is compiled unless it is asked for.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
import venv
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
REQUIRED_PYTHON = (3, 11)
SIZE_GB = 5.8  # of which torch, its compiler and its CUDA libraries are 4.5
# Each fits the torch that it was compiled against, and replaces the other package.
COMPILED = {
    "minkowskiengine": ({"SETUPTOOLS_USE_DISTUTILS": "stdlib"}, 4.0, ""),
    "mmcv": ({"MMCV_WITH_OPS": "1"}, 8.0, "mmcv-lite"),
}
EXTRAS = "extras"
# Imports every module, which also compiles what is imported, once, to bytecode.
VERIFY = """
import vantage3d
from importlib import import_module
from importlib.metadata import version, PackageNotFoundError
from pkgutil import walk_packages
for module in walk_packages(vantage3d.__path__, "vantage3d."):
    if module.name != "vantage3d.sparse.minkowski":
        import_module(module.name)
try:
    version("mmcv")
except PackageNotFoundError:
    pass
else:
    import torch
    from mmcv.ops import nms
    nms(torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 8]]), torch.tensor([0.9, 0.8]), 0.5)
"""


@dataclass
class Step:
    """One pip call: what it shows, what it runs and how long it usually takes."""

    name: str
    about_minutes: float
    pip_args: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def normalized(name: str) -> str:
    """The one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, dict[str, str]]:
    """Packages of each section of the constraints file and their versions."""
    sections: dict[str, dict[str, str]] = {}
    for line in CONSTRAINTS.read_text().splitlines():
        name, separator, version = line.partition("==")
        if line.startswith("# -- "):
            pins = sections.setdefault(line[5:].split(",")[0], {})
        elif separator:
            pins[normalized(name)] = version.strip()
    return sections


def installed(site: Path) -> dict[str, str]:
    """Packages in a site-packages folder and their versions, if their files exist."""
    return {
        normalized(found.metadata["Name"]): found.version
        for found in distributions(path=[str(site)])
        if found.metadata["Name"] and is_whole(found, site)
    }


def is_whole(found: Distribution, site: Path) -> bool:
    """Whether the first file of each top-level folder of a package is there."""
    seen = set()
    for line in (found.read_text("RECORD") or "").splitlines():
        path = line.partition(",")[0].strip('"')
        top = path.partition("/")[0]
        if top not in seen and top != ".." and not top.endswith(".dist-info"):
            seen.add(top)
            if "__pycache__" not in path and not (site / path).exists():
                return False
    return True


def plan(site: Path, stamps: Path, asked: set[str]) -> list[Step]:
    """The pip calls that make the environment what it should be; none if it is.

    Args:
        site: Its site-packages folder.
        stamps: Folder of notes: which torch a package was compiled against, and which
            checkout is installed.
        asked: Names in :data:`COMPILED`, or :data:`EXTRAS`; those that are installed
            already stay.
    """
    pins, found = pinned(), installed(site)
    torch = pins["runtime"]["torch"]
    compiled = [name for name in COMPILED if name in asked or name in found]
    wanted = pins["runtime"] | pins["development"]
    extras = pins["extras"].items()
    wanted |= {n: version for n, version in extras if EXTRAS in asked or n in found}
    for name in compiled:
        wanted.pop(COMPILED[name][2], None)
    if any(note(stamps, name) != torch for name in compiled):
        wanted["ninja"] = pins["compiled"]["ninja"]
    # A local version, as torch's +cpu or +cu126, is the user's choice.
    lacking = [
        f"{name}=={version}"
        for name, version in wanted.items()
        if found.get(name, "").partition("+")[0] != version
    ]
    steps = []
    if lacking:
        flags = ["--no-deps", "--no-compile", "--only-binary=:all:"]
        flags.append("--force-reinstall")  # else pip believes the metadata
        minutes = 4.0 if f"torch=={torch}" in lacking else 0.2 + 0.02 * len(lacking)
        steps.append(Step(", ".join(lacking), minutes, [*flags, *lacking]))
    for name in compiled:
        version = pins["compiled"][name]
        if found.get(name) != version or note(stamps, name) != torch:
            steps.append(compiled_step(name, version, torch))
    if note(stamps, "checkout") != checkout() or "vantage3d" not in found:
        editable = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
        steps.append(Step("vantage3d", 0.1, editable))
    return steps


def compiled_step(name: str, version: str, torch: str) -> Step:
    """A build against the installed torch; its cached wheel fits no other."""
    environment, minutes, _ = COMPILED[name]
    jobs = {"MAX_JOBS": os.environ.get("MAX_JOBS", str(os.cpu_count() or 1))}
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    cache = ["--cache-dir", str(base / "vantage3d" / f"wheels-torch-{torch}")]
    flags = ["--no-build-isolation", "--no-deps", "--force-reinstall", *cache]
    return Step(name, minutes, [f"{name}=={version}", *flags], {**environment, **jobs})


def checkout() -> str:
    """Identity of this checkout and of what its packaging files say."""
    files = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "setup.py")]
    return hashlib.sha256(b"\n".join([str(ROOT).encode(), *files])).hexdigest()


def note(stamps: Path, name: str) -> str:
    """What was noted under ``name``; empty if nothing was."""
    path = stamps / name
    return path.read_text() if path.exists() else ""


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
            time.sleep(0.2)
            now = time.monotonic()
            if now - shown >= (1 if interactive else 30):
                shown = now
                clock = f"{now - start:4.0f} s of about {60 * step.about_minutes:.0f} s"
                print(f"      {clock}", end="\r" if interactive else "\n", flush=True)
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise SystemExit(
            f"{tail}\nSet-up failed in `{step.name}` (exit {process.returncode}).\n"
            f"Whole log: {log}. Mend the cause and call again: what is done is kept."
        )
    print(f"      done in {time.monotonic() - start:.0f} s", flush=True)


def check_python() -> None:
    if sys.version_info[:2] != REQUIRED_PYTHON:
        raise SystemExit(
            f"Python 3.11 is needed, got {sys.version.split()[0]} ({sys.executable}). "
            "Install python3.11 and call `make PYTHON=python3.11 ...`."
        )


def check_openblas(include: Path = Path("/usr/include")) -> None:
    """MinkowskiEngine needs the OpenBLAS headers; say so before minutes are lost."""
    if not next(include.glob("**/cblas.h"), None):
        raise SystemExit(
            f"MinkowskiEngine needs the OpenBLAS headers (cblas.h was not found under "
            f"{include}). Install them: `apt-get install libopenblas-dev`."
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--venv", type=Path, default=ROOT / ".venv", help="its folder")
    add("--minkowski", action="store_true", help="also compile MinkowskiEngine")
    add("--mmcv-ops", action="store_true", help="compile mmcv in place of mmcv-lite")
    add("--extras", action="store_true", help="also what single outputs and docs need")
    args = parser.parse_args()
    check_python()
    choices = {
        "minkowskiengine": args.minkowski,
        "mmcv": args.mmcv_ops,
        EXTRAS: args.extras,
    }
    if args.minkowski:
        check_openblas()
    folder = args.venv.resolve()
    python, stamps = folder / "bin" / "python", folder / "vantage3d-stamps"
    site = folder / "lib" / "python3.11" / "site-packages"
    if not python.exists():
        print(
            f"Creating {folder}: {SIZE_GB} GB, 2 to 4 minutes on two cores, longer "
            "where wheels have to be downloaded (3 GB)",
            flush=True,
        )
        venv.create(folder, with_pip=True)
    stamps.mkdir(exist_ok=True)
    steps = plan(site, stamps, {name for name, asked in choices.items() if asked})
    if not steps and note(stamps, "verified"):
        return
    (stamps / "verified").unlink(missing_ok=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    for number, step in enumerate(steps, 1):
        shown = step.name if len(step.name) < 200 else f"{step.name[:180]}, ..."
        print(f"[{number}/{len(steps)}] {shown}", flush=True)
        replaced = COMPILED.get(step.name, ({}, 0, ""))[2]
        if replaced:
            subprocess.run([*pip, "uninstall", "--quiet", "-y", replaced], check=True)
        log = stamps / f"{number}.log"
        run_with_clock([*pip, "install", *step.pip_args], step, log)
        if step.name in COMPILED:
            (stamps / step.name).write_text(pinned()["runtime"]["torch"])
        elif step.name == "vantage3d":
            (stamps / "checkout").write_text(checkout())
    writing = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    verify = [str(python), "-W", "ignore", "-c", VERIFY]
    subprocess.run(verify, check=True, cwd="/", env=writing)
    (stamps / "verified").write_text("imports ran")
    print(f"Ready: {folder}", flush=True)


if __name__ == "__main__":
    main()
