"""A dataset of the slanted plane."""

from tests.views.plane import frame
from vantage3d.views.dataset import PosedViews
from vantage3d.views.frame import BadSampleError
from vantage3d.views.index import Facts, FrameIndex, IndexedFrame


class PlaneDataset(PosedViews):
    """Two sequences of the plane; frame 7 of the first is bad."""

    METAINFO = {"classes": ("left", "right")}
    numbers = {"a": range(12), "b": range(20, 26)}

    def load_index(self):
        frames = {name: list(map(indexed, n)) for name, n in self.numbers.items()}
        return FrameIndex.build(Facts("none", "."), frames)

    def read_frame(self, sequence, number):
        if number == 7:
            raise BadSampleError("frame a/7 has no pose")
        return frame(number)


def indexed(number):
    view = frame(number)
    return IndexedFrame(
        number, f"{number}.jpg", f"{number}.png", view.K, view.world2cam
    )
