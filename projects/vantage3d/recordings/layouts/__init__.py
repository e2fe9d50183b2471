"""Layouts of recordings, one file each: anyone's, and those of public datasets."""

from vantage3d.recordings.layouts.colmap import Colmap
from vantage3d.recordings.layouts.hololens import HoloLens
from vantage3d.recordings.layouts.images import ImageFolder
from vantage3d.recordings.layouts.polycam import Polycam
from vantage3d.recordings.layouts.predictions import Predictions
from vantage3d.recordings.layouts.record3d import Record3D
from vantage3d.recordings.layouts.replica import Replica
from vantage3d.recordings.layouts.rgbd import RgbdFolder
from vantage3d.recordings.layouts.scannet import ScanNet
from vantage3d.recordings.layouts.sens import SensRecordings
from vantage3d.recordings.layouts.sevenscenes import SevenScenes
from vantage3d.recordings.layouts.sun3d import Sun3d
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
            ScanNet,
            SensRecordings,
            SevenScenes,
            Sun3d,
            TumRgbd,
        ),
        *(Transforms, Colmap, Record3D, Polycam, Predictions),
        *(ImageFolder, Video),  # last: without poses, where nothing else fits
    )
}
