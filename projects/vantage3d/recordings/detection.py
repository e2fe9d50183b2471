"""Which layout a folder has, by the names of what lies in it."""

from pathlib import Path

from vantage3d.io.folders import listing
from vantage3d.recordings.layouts import LAYOUTS
from vantage3d.recordings.recording import Look, Recording, Remedies

VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")


def open_recording(
    root: str | Path, layout: str | None = None, remedies: Remedies | None = None
) -> Recording:
    """The recording in a folder, in the layout that it has.

    Args:
        root: A folder or a file; a folder one level too high or too low is recognised.
        layout: A name in :data:`LAYOUTS` instead of looking.
        remedies: What the owner says about the files.

    Raises:
        FileNotFoundError: If there is nothing at ``root``.
        ValueError: If no layout fits; the message names the nearest ones and what they
            lack.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"{root} does not exist. Give the recording's folder")
    remedies = remedies or Remedies()
    if layout is not None:
        return LAYOUTS[layout](root, remedies)
    looks = [kind.look(root) for kind in LAYOUTS.values()]
    whole = [look for look in looks if look.found and not look.lacking]
    if whole:
        best = max(whole, key=lambda look: len(look.found))
        return LAYOUTS[best.layout](root, remedies)
    raise ValueError(_unknown(root, looks))


def _unknown(root: Path, looks: list[Look]) -> str:
    """What lies there, and which layouts come nearest."""
    names = [p.name + "/" * p.is_dir() for p in listing(root)] or ["nothing"]
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    text = f"no layout of a recording fits {root}, which holds {shown}"
    begun = sorted((k for k in looks if k.found), key=lambda k: len(k.lacking))
    near = [
        f"this looks like {LAYOUTS[k.layout].title} ({', '.join(k.found)}): "
        f"{', '.join(k.lacking)} is missing"
        for k in begun[:3]
    ]
    above = root.resolve().parent
    for kind in LAYOUTS.values():
        look = kind.look(above)
        if look.found and not look.lacking:
            near.append(f"{above} is a recording ({kind.title}): give that folder")
            break
    return f"{text}. {'; '.join(near) or 'See data/README.md for the layouts'}"
