"""Everything that a GPU has to show, in under 8 minutes; also ``make gpu-check``.

The tests marked ``gpu``, one training step of each system at full size with its time
and memory, whether gradients repeat bit for bit, and the sparse engine beside
MinkowskiEngine or spconv where they are installed. Every part is a process of its own;
what they found is written as JSON. Exit code 0 if all is well, 1 if a part failed, 2
without a GPU.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu_process import PARTS
from benchmarks.measuring import ROOT, TOOLS

LIMITS_S = {"tests": 150, "esam": 70, "vggt_lora": 110, "deltas": 60, "sparse": 60}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("work_dirs/gpu_check.json"))
    add("--parts", nargs="+", choices=LIMITS_S, default=list(LIMITS_S))
    add("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: with --narrow")
    add("--narrow", action="store_true", help="small networks: tries this command")


def run(args: argparse.Namespace) -> int:
    """Run the parts, print a line of each and write the JSON."""
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        print(
            "error: torch finds no CUDA device, so there is nothing to check. On a "
            "machine with one see README, section GPU",
            file=sys.stderr,
        )
        return 2
    name = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
    found: dict[str, Any] = {"device": name, "torch": torch.__version__, "parts": {}}
    for part in args.parts:
        start = time.perf_counter()
        result = check(part, args.device, args.narrow)
        result["wall_s"] = round(time.perf_counter() - start, 1)
        found["parts"][part] = result
        print(f"{part}: {json.dumps(result)}", flush=True)
    found["ok"] = all(result["ok"] for result in found["parts"].values())
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{'all is well' if found['ok'] else 'PROBLEMS'}: {args.out}")
    return int(not found["ok"])


def check(part: str, device: str, narrow: bool) -> dict[str, Any]:
    """What a part's process says, or why it did not."""
    if part in PARTS:
        command = [str(Path(__file__).with_name("gpu_process.py")), part]
        command += ["--device", device, *(["--narrow"] if narrow else [])]
    else:
        command = ["-m", "pytest", "-q", "-m", "gpu", str(ROOT / "tests")]
    sources = os.pathsep.join([str(ROOT / "projects"), str(TOOLS)])
    environment = os.environ | {"PYTHONPATH": sources}
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMITS_S[part],
        )
    except subprocess.TimeoutExpired:
        return {"ok": False, "error": f"not done after {LIMITS_S[part]} s"}
    lines = done.stdout.strip().splitlines()
    if part == "tests":
        return {"ok": done.returncode == 0, "summary": lines[-1] if lines else ""}
    if done.returncode:
        end = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"ok": False, "error": end[0]}
    return json.loads(lines[-1])
