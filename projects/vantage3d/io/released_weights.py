"""Released weights that configs and tools start from, and how to get them."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = "work_dirs/pretrained"
RELEASED = {
    "mask3d_scannet200.pth": (
        "OneFormer3D release v1.0 (GitHub assets); initialises ESAM single view"
    ),
}


def how_to_fetch(path: str | Path) -> str:
    """``; ...`` for an error message when ``path`` names a released file, else empty.

    Args:
        path: A file of weights that is not there.
    """
    source = RELEASED.get(Path(path).name)
    if source is None:
        return ""
    return (
        f"; it comes from {source}. Put it there, give another file with --cfg-options "
        "load_from=FILE, or train from scratch: load_from=None load_from_policy=None"
    )


@dataclass(frozen=True)
class ReleasedBackbone:
    """Where the weights of an image network are published.

    Attributes:
        name: Our name of the network.
        repo: Repository on the Hugging Face hub with a ``model.safetensors``, of image
            networks for timm.
        url: File of the authors, empty where they publish none that can be read safely.
        option: How a user names another file.
    """

    name: str
    repo: str
    url: str = ""
    option: str = "--weights FILE (in a config: `weights` of the network)"

    @property
    def files(self) -> tuple[str, ...]:
        """Names under which the weights are looked for in ``FOLDER``."""
        theirs = (self.url.rpartition("/")[2],) if self.url else ()
        return (f"{self.name}.safetensors", *theirs)

    def local_file(self, folder: str | Path = FOLDER) -> Path | None:
        """The first of the files that is in ``folder``, None if there is none."""
        paths = (Path(folder) / name for name in self.files)
        return next((path for path in paths if path.is_file()), None)

    def how_to_fetch(self, folder: str | Path = FOLDER) -> str:
        """What to download and where to put it."""
        hub = f"https://huggingface.co/{self.repo}/resolve/main/model.safetensors"
        ways = [f"{hub} as {Path(folder) / self.files[0]}"]
        if self.url:
            ways.append(f"{self.url} as {Path(folder) / self.files[1]}")
        return f"Download {' or '.join(ways)}, or name a file with {self.option}"


def _dinov2(name: str, size: str, ours: str, theirs: str) -> ReleasedBackbone:
    return ReleasedBackbone(
        name + ours,
        f"timm/vit_{size}_patch14{theirs}_dinov2.lvd142m",
        f"https://dl.fbaipublicfiles.com/dinov2/{name}/{name}{theirs}_pretrain.pth",
    )


BACKBONES = {
    released.name: released
    for released in (
        *(
            _dinov2(f"dinov2_vit{size[0]}14", size, *registers)
            for size in ("small", "base", "large", "giant")
            for registers in (("", ""), ("_reg", "_reg4"))
        ),
        ReleasedBackbone("clip_rn50", "timm/resnet50_clip.openai"),
    )
}
VGGT_1B = ReleasedBackbone(
    "vggt_1b",
    "facebook/VGGT-1B",
    "https://huggingface.co/facebook/VGGT-1B/resolve/main/model.pt",
    "--cfg-options model.base_weights=FILE",
)
