"""metadata.json: what somebody needs to trust, repeat or compare an evaluation."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from vantage3d.evaluation.results.run import ordered
from vantage3d.evaluation.results.windows import FILE, WindowChoice
from vantage3d.process.memory import total_memory_mb
from vantage3d.vggt_lora.evaluation.runs.options import RunOptions

LIBRARIES = ("vantage3d", "numpy", "scipy", "mmengine", "peft")


def run_metadata(
    options: RunOptions,
    choice: WindowChoice,
    settings: dict[str, Any],
    models: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Content of metadata.json.

    Args:
        options: What was asked for.
        choice: The windows.
        settings: Everything that the numbers depend on, beside windows and weights.
        models: Facts of the finished ones by name.
    """
    return {
        **settings,
        "config": options.config,
        "split": choice.rules.split,
        "windows_file": FILE,
        "windows_hash": choice.hash,
        "windows": len(choice.windows),
        "seq_len": choice.rules.seq_len,
        "seq_stride": choice.rules.seq_stride,
        "max_seqs": choice.rules.max_seqs,
        "stratified": choice.rules.stratified,
        "sampling_ratios": choice.ratios,
        "buckets": {"available": choice.available, "chosen": choice.chosen},
        "seed": choice.rules.seed,
        "data_root": choice.data_root,
        "index_hash": choice.index_hash,
        "device": device_facts(options.device),
        "timing": {"repeats": options.repeats, "adapters": "merged"},
        "versions": versions(),
        "models": {name: models[name] for name in ordered(models)},
    }


def versions() -> dict[str, str]:
    """Of Python and of the libraries that numbers may depend on."""
    found = {"python": platform.python_version(), "torch": torch.__version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def device_facts(device: str) -> dict[str, Any]:
    """Name and memory of the device that networks run on."""
    if device.startswith("cuda"):
        facts = torch.cuda.get_device_properties(torch.device(device))
        return {
            "type": "cuda",
            "name": facts.name,
            "memory_mb": facts.total_memory / 2**20,
        }
    return {
        "type": "cpu",
        "name": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "memory_mb": total_memory_mb(),
    }
