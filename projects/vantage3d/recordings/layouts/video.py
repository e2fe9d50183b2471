"""A video, or a folder of videos, of which no poses are known."""

from pathlib import Path

from vantage3d.io.folders import listing
from vantage3d.io.video import VIDEOS, VideoFrame, VideoReader, read_video_frame
from vantage3d.recordings.recording import Look, RecordedFrame, Recording, kept
from vantage3d.recordings.sharpness import sharpest, sharpness


class Video(Recording):
    """Frames of videos, decoded when they are read, upright as the file says.

    Intrinsics are those of ``intrinsic.txt`` beside the video (3 x 3, in pixels of
    upright frames), and unknown without. With ``--every N`` each N successive frames
    give one, the sharpest.
    """

    layout = "video"
    title = "video"
    posed = False

    @classmethod
    def look(cls, root: Path) -> Look:
        videos = _videos(root)
        others = [p for p in listing(root) if p.is_dir()] if videos else []
        found = tuple(path.name for path in videos[:1])
        lacking = () if videos else ("a video",)
        if others:
            lacking = (f"a folder of its own for the video ({others[0].name}/)",)
        return Look(cls.layout, found, lacking)

    def sequences(self) -> list[str]:
        return list(self.files())

    def names(self, sequence: str) -> list[str]:
        return list(self.passed(sequence))

    def number(self, sequence: str, name: str) -> int:
        return self.passed(sequence)[name].number

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        path, (number, time, _) = self.files()[sequence], self.passed(sequence)[name]
        intrinsics, camera = path.parent / "intrinsic.txt", None
        if intrinsics.is_file():
            height, width, _ = read_video_frame(path, number).shape
            camera = self.camera(intrinsics, (width, height))
        return RecordedFrame(name, number, path, camera, timestamp=time, place=number)

    @kept
    def files(self) -> dict[str, Path]:
        """Videos by the names of their sequences."""
        videos = _videos(self.root)
        stems = [path.stem for path in videos]
        twice = len(set(stems)) < len(stems)
        return {path.name if twice else path.stem: path for path in videos}

    @kept
    def passed(self, sequence: str) -> dict[str, VideoFrame]:
        """Frames that are taken, by name: the whole video is decoded once."""
        path, every = self.files()[sequence], self.remedies.every
        reader = VideoReader(path)
        frames = reader.scan(sharpness if every > 1 else None)
        if len(frames) < reader.listed:
            self.assumed(
                f"{path}: {len(frames)} frames can be decoded, the header lists "
                f"{reader.listed}"
            )
        if every > 1:
            places = sharpest([frame.measure for frame in frames], every)
            frames = [frames[place] for place in places]
        return {f"{frame.number:06d}": frame for frame in frames}


def _videos(root: Path) -> list[Path]:
    paths = [root] if root.is_file() else listing(root)
    return [path for path in paths if path.suffix.lower() in VIDEOS and path.is_file()]
