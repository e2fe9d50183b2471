"""A dataset of the slanted plane."""

from tests.views.plane import frame
from vantage3d.views.dataset import MultiViewDataset
from vantage3d.views.frame import BadSampleError


class PlaneDataset(MultiViewDataset):
    """Two sequences of the plane; frame 7 of the first is bad."""

    METAINFO = {"classes": ("left", "right")}

    def load_sequences(self):
        return {"a": range(12), "b": range(20, 26)}

    def read_frame(self, sequence, number):
        if number == 7:
            raise BadSampleError("frame a/7 has no pose")
        return frame(number)
