"""Files of the Hugging Face hub; the only file that imports its client."""

import os
import shutil
from pathlib import Path

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.released_weights import FOLDER, ReleasedWeights
from vantage3d.io.sidecars import file_hash, sidecar


def from_hub(repo: str, file: str, folder: Path | None = None) -> Path:
    """A file of a repository, downloaded unless it is in the client's cache.

    Args:
        repo: Such as ``facebook/VGGT-1B``.
        file: Name of the file in it.
        folder: Where to download to, past the cache; what a broken download left there
            is gone on with.

    Raises:
        ConnectionError: With one line, whatever went wrong.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repo, file, local_dir=folder))
    except Exception as error:  # of many types, network libraries change them
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ConnectionError(
            f"the hub cannot be reached, or does not give {repo}/{file} ({reason:.150})"
        ) from error


def fetch(
    released: ReleasedWeights, accept_licence: bool, folder: str | Path = FOLDER
) -> Path:
    """Download released weights into ``folder``, with their hash beside them.

    The file gets its name when it is whole and its hash is the published one.

    Raises:
        ValueError: If they are not on the hub, the licence is not accepted, or the
            hash is another.
        ConnectionError: If they cannot be downloaded; calling again goes on.
    """
    if not released.repo:
        raise ValueError(
            f"{released.name} is not on the Hugging Face hub. "
            f"{released.how_to_fetch(folder)}"
        )
    if not accept_licence:
        raise ValueError(
            f"the licence of {released.name} has to be accepted first: "
            f"{released.licence} (https://huggingface.co/{released.repo}). Call again "
            "with --accept-licence"
        )
    path = Path(folder) / released.files[0]
    if path.is_file():
        return path
    part = path.with_name(f".{released.name}.part")
    try:
        whole = from_hub(released.repo, released.hub_file, part)
    except ConnectionError as error:
        raise ConnectionError(
            f"{released.name} was not downloaded: {error}. Call again to go on. Where "
            f"its authors have to grant access, ask at "
            f"https://huggingface.co/{released.repo} and log in with `hf auth login`"
        ) from error
    digest = file_hash(whole)
    if released.sha256 not in ("-", digest):
        shutil.rmtree(part)
        raise ValueError(
            f"{released.name} from the hub is not the published file: its SHA-256 is "
            f"{digest}, expected {released.sha256}. Fetch it again, and if it stays so "
            "do not use it"
        )
    atomic_write_bytes(sidecar(path), f"{digest}  {path.name}\n".encode())
    os.replace(whole, path)
    shutil.rmtree(part)
    return path
