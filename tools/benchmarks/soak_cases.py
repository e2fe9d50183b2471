"""What the soak kills: all three systems in their variants, and the converters."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import ROOT
from benchmarks.soak_kills import Case, Command

from vantage3d.cli.data import create_data, make_synthetic
from vantage3d.cli.runs import train

TRAIN, CREATE = "vantage3d.cli.runs:train", "vantage3d.cli.data:create_data"
# Of all runs, which are forked: none of them shall begin with seconds of imports.
IMPORTS = [
    "vantage3d.backbones2d.arguments",
    "vantage3d.cli.features",
    "vantage3d.converters.kitti360.convert",
    "vantage3d.converters.scannet",
    "vantage3d.esam.converters.scannet",
    "vantage3d.esam.datasets",
    "vantage3d.esam.models",
    "vantage3d.vggt_lora.models",
    "vantage3d.deltas.models",
]
CLIP = "vantage3d.cli.features:extract_clip_rn50_features"
AVERAGED = "esam_averaged.py"  # a config of ESAM with averaged weights
AVERAGING = """_base_ = ["{base}"]
custom_hooks = [dict(type="EMAHook", momentum=0.1)]
"""


def prepare(root: Path) -> None:
    """Render rooms and streets, and convert what the trainings read."""
    rooms = ["--train-rooms", "2", "--val-rooms", "1", "--frames", "6"]
    rooms += ["--frame-step", "20", "--size", "160x120"]
    make_synthetic(["scannet", "--out", str(root / "rooms"), *rooms])
    drives = ["--train-drives", "1", "--val-drives", "1", "--frames", "9"]
    make_synthetic(
        ["kitti360", "--out", str(root / "streets"), *drives, "--size", "352x94"]
    )
    base = ROOT / "configs/ESAM_CA/ESAM_sv_synthetic_CA.py"
    (root / AVERAGED).write_text(AVERAGING.format(base=base))
    for name, raw in (
        ("scannet200_sv", "rooms"),
        ("scannet", "rooms"),
        ("kitti360", "streets"),
    ):
        function, arguments = _convert(root, name, raw)(root / name)
        assert function == CREATE
        create_data(arguments)


def train_esam(root: Path, folder: Path) -> None:
    """Train ESAM into a work dir, for what its checkpoint is needed for."""
    function, arguments = cases(root)[0].command(folder)
    assert function == TRAIN
    train(arguments)


def cases(root: Path) -> list[Case]:
    """All cases on the data that :func:`prepare` made."""
    esam = (str(root / AVERAGED), root / "scannet200_sv")
    esam_options = ["train_cfg.max_epochs=3", "default_hooks.checkpoint.interval=1"]
    deltas_options = [
        "train_cfg.max_iters=24",
        "train_cfg.val_interval=100",
        "model.keypoints.num_kps=16",
        "model.out_length=8",
        *(f"{name}_dataloader.dataset.size=[64,80]" for name in ("train", "test")),
        *(f"val_{part}=None" for part in ("cfg", "dataloader", "evaluator")),
        "default_hooks.checkpoint.interval=4",
        "optim_wrapper.accumulative_counts=3",
        "train_dataloader.num_workers=0",
        "train_dataloader.persistent_workers=False",
    ]
    vggt_options = [
        "train_cfg.max_iters=8",
        "train_cfg.val_interval=100",
        "default_hooks.checkpoint.interval=2",
        "model.precision=bfloat16",
        "train_dataloader.num_workers=2",
    ]
    return [
        Case(
            "ESAM, averaged weights, 2 workers",
            0.15,
            _train(*esam, [*esam_options, "train_dataloader.num_workers=2"]),
            True,
        ),
        Case(
            "DELTAS, accumulation over 3, 0 workers",
            0.15,
            _train("deltas/deltas_synthetic.py", root / "scannet", deltas_options),
            True,
        ),
        Case(
            "VGGT, bfloat16, 2 workers",
            0.15,
            _train(
                "vggt_lora/finetune_kitti360_synthetic.py",
                root / "kitti360",
                vggt_options,
            ),
            True,
        ),
        Case(
            "ESAM, two ranks, restarted by torchrun",
            0.1,
            _train(*esam, esam_options),
            True,
            2,
        ),
        Case("samples of ScanNet", 0.15, _convert(root, "scannet200_sv", "rooms")),
        Case("index of ScanNet", 0.1, _convert(root, "scannet", "rooms")),
        Case("KITTI-360", 0.1, _convert(root, "kitti360", "streets")),
        Case("image features", 0.1, _extract(root)),
    ]


def _train(config: str, data: Path, options: list[str]) -> Callable[[Path], Command]:
    def command(folder: Path) -> Command:
        arguments = [config, "--resume", "--work-dir", str(folder)]
        arguments += ["--data-root", str(data)]
        return TRAIN, [*arguments, "--cfg-options", *options]

    return command


def _convert(root: Path, name: str, raw: str) -> Callable[[Path], Command]:
    def command(folder: Path) -> Command:
        options = {
            "scannet200_sv": ["--num-points", "2000", "--frame-interval", "20"],
            "scannet": [],
            "kitti360": ["--view", "56", "168"],
        }[name]
        arguments = [name, "--root-path", str(root / raw), "--out-dir", str(folder)]
        return CREATE, [*arguments, *options, "--workers", "2"]

    return command


def _extract(root: Path) -> Callable[[Path], Command]:
    def command(folder: Path) -> Command:
        arguments = ["--root-path", str(root / "rooms"), "--out-dir", str(folder)]
        options = ["--random-weights", "--frame-interval", "20", "--workers", "0"]
        return CLIP, [*arguments, *options, "--input-size", "64x48"]

    return command
