"""Layouts of recordings, one file each: anyone's, and those of public datasets."""

from pathlib import Path

from vantage3d.recordings.layouts.colmap import Colmap
from vantage3d.recordings.layouts.hololens import HoloLens
from vantage3d.recordings.layouts.images import ImageFolder
from vantage3d.recordings.layouts.polycam import Polycam
from vantage3d.recordings.layouts.predictions import Predictions
from vantage3d.recordings.layouts.record3d import Record3D
from vantage3d.recordings.layouts.replica import Replica
from vantage3d.recordings.layouts.rgbd import RgbdFolder
from vantage3d.recordings.layouts.rosbag import RosBag
from vantage3d.recordings.layouts.scannet import ScanNet
from vantage3d.recordings.layouts.scenenn import SceneNN
from vantage3d.recordings.layouts.sens import SensRecordings
from vantage3d.recordings.layouts.sevenscenes import SevenScenes
from vantage3d.recordings.layouts.sun3d import Sun3d
from vantage3d.recordings.layouts.threerscan import ThreeRScan
from vantage3d.recordings.layouts.transforms import Transforms
from vantage3d.recordings.layouts.tum import TumRgbd
from vantage3d.recordings.layouts.video import Video
from vantage3d.recordings.recording import Recording

LAYOUTS: dict[str, type[Recording]] = {
    kind.layout: kind
    for kind in (
        *(
            HoloLens,
            Replica,
            RgbdFolder,
            RosBag,
            ScanNet,
            SceneNN,
            SensRecordings,
            SevenScenes,
            Sun3d,
            ThreeRScan,
            TumRgbd,
        ),
        *(Transforms, Colmap, Record3D, Polycam, Predictions),
        *(ImageFolder, Video),  # last: without poses, where nothing else fits
    )
}


def whole_layouts(root: Path) -> list[type[Recording]]:
    """The layouts that a folder or file has, that of most parts first."""
    looks = [kind.look(root) for kind in LAYOUTS.values()]
    whole = [look for look in looks if look.found and not look.lacking]
    # What ``predict`` wrote has models of other layouts beside its frames.
    whole.sort(key=lambda look: (not LAYOUTS[look.layout].packed, -len(look.found)))
    return [LAYOUTS[look.layout] for look in whole]
