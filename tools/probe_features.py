"""Do image features tell flush instances apart? An answer without any training.

Example:
    python tools/probe_features.py configs/ESAM_CA/ESAM_sv_synthetic_CA_dino_inject.py \
        --data-root data/flush

Prints, for pairs of neighbouring superpoints on one plane, how well the distance of
several features tells two instances from one (area under the ROC curve).
"""

import argparse

from vantage3d.engine import load_config, set_data_root
from vantage3d.esam.fusion_check.pair_probe import probe_dataset, roc_area
from vantage3d.process.command import one_message
from vantage3d.registry import DATASETS, MODELS


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config with model.image_features")
    parser.add_argument("--data-root", help="prepared data, instead of the config's")
    args = parser.parse_args()
    with one_message("stopped"):
        cfg = load_config(args.config)
        if args.data_root is not None:
            set_data_root(cfg, args.data_root)
        if not cfg.model.get("image_features"):
            raise ValueError(f"config {args.config} has no `model.image_features`")
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
        source = MODELS.build(cfg.model.image_features)
        pairs = probe_dataset(dataset, source, cfg.model.voxel_size)
        differs = pairs.pop("differs") > 0
        print(f"{len(differs)} pairs, {differs.mean():.3f} of two instances")
        for name, values in pairs.items():
            print(f"{name}: {roc_area(values, differs):.3f}")


if __name__ == "__main__":
    main()
