"""Pictures of a run in windows, where there is a display."""

from pathlib import Path

import matplotlib
from matplotlib.backends import BackendFilter, backend_registry
from mmengine.logging import print_log

from vantage3d.io.images import read_color


def check_display(show: bool, wait_s: float | None, instead: str) -> None:
    """Refuse what windows cannot do, before anything is computed.

    Args:
        show: Whether there are to be windows.
        wait_s: Seconds that each is to stay.
        instead: Option that names a folder of the pictures.

    Raises:
        ValueError: If no window can be opened, or there are none to wait for.
    """
    if not show:
        if wait_s is not None:
            raise ValueError(f"--wait-time {wait_s:g} needs --show, which is not there")
        return
    from matplotlib import pyplot  # chooses the backend

    pyplot.close("all")
    backend = matplotlib.get_backend()
    if backend.lower() not in backend_registry.list_builtin(BackendFilter.INTERACTIVE):
        raise ValueError(
            f"--show needs a display; matplotlib can only write files here (backend "
            f"{backend}). Use {instead} FOLDER and look at the pictures there"
        )


def show_pictures(folder: Path, wait_s: float | None) -> None:
    """Show every picture of a folder, one after the other.

    Args:
        folder: Its ``.png`` files are shown.
        wait_s: Seconds that each stays; None until its window is closed.
    """
    from matplotlib import pyplot

    for path in sorted(folder.glob("*.png")):
        print_log(f"showing {path}", "current")
        figure, axes = pyplot.subplots(num=path.name, layout="constrained")
        axes.imshow(read_color(path))
        axes.axis("off")
        pyplot.show(block=wait_s is None)
        if wait_s is not None:
            pyplot.pause(max(wait_s, 1e-3))
        pyplot.close(figure)
