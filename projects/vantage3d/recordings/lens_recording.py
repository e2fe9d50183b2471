"""Recordings by one camera per frame, whose size and distortion are known."""

from vantage3d.io.colmap import ColmapCamera
from vantage3d.io.depth_files import read_depth_size
from vantage3d.io.images import read_size
from vantage3d.io.matrices import check_intrinsics
from vantage3d.recordings.lenses import fitted
from vantage3d.recordings.recording import Camera, RecordedFrame, Recording


class LensRecording(Recording):
    """Layouts whose files say of which size a camera's images are, and how it distorts.

    Colour and depth are of one camera, depth at any resolution.
    """

    def through(self, frame: RecordedFrame, lens: ColmapCamera) -> RecordedFrame:
        """A frame with its cameras, those of the images once they are read.

        Args:
            frame: Its files and pose.
            lens: Camera of the colour image; images may be smaller or larger copies.

        Raises:
            FileNotFoundError: If an image is missing.
            ValueError: If the camera cannot be that of the images.
        """
        size = read_size(frame.color)
        said = f"{self.root}: intrinsics are scaled to images of another size"
        if (
            lens.size != size
            and self.remedies.intrinsics_size is None
            and not any(text.startswith(said) for text in self.defaults)
        ):
            self.assumed(
                f"{said}: {frame.color.name} is {size[0]}x{size[1]}, its camera "
                f"{lens.size[0]}x{lens.size[1]}"
            )
        try:
            lens = fitted(lens, size, self.remedies.intrinsics_size)
        except ValueError as error:
            raise ValueError(f"{frame.color}: {error}") from None
        K = lens.undistorted().intrinsics()
        check_intrinsics(K, size, f"of frame {frame.name} in {self.root}")
        camera, of_depth = Camera(K, size), None
        if frame.depth is not None:
            of_depth = camera.resized(read_depth_size(frame.depth))
        return frame._replace(
            color_camera=camera,
            depth_camera=of_depth,
            lens=lens if lens.distorts else None,
        )
