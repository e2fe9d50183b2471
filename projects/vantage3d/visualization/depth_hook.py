"""A picture of some test frames with their depth, written when the test is over."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import Runner

from vantage3d.checks import check_choice, check_positive
from vantage3d.evaluation.depth_alignment import ALIGNMENTS, align_depth
from vantage3d.registry import HOOKS
from vantage3d.visualization.depth_picture import DepthView, write_depth_picture
from vantage3d.visualization.drawn_batches import DrawnBatchesHook


@HOOKS.register_module()
class DepthPictureHook(DrawnBatchesHook):
    """Draws the first frame of evenly spaced test windows into ``depth.png``.

    Reads of each batch ``images`` (B, S, 3, H, W) in [0, 1] and the true depth, of each
    prediction the depths that are named. A window is aligned as a whole.

    Args:
        answers: Title of a column to the key of its depth (S, H, W) in a prediction.
        truth: Key of the true depth (B, S, H, W) in the batch, metres, 0 = missing.
        alignment: One of ``depth_alignment.ALIGNMENTS``, of each answer to the truth.
        num_frames: Rows; fewer where there are fewer batches.
        out_dir: Where to write; by default ``pictures`` in the work directory.

    Raises:
        ValueError: If ``num_frames`` is below 1 or the alignment is unknown.
    """

    def __init__(
        self,
        answers: Mapping[str, str],
        truth: str = "depths",
        alignment: str = "median",
        num_frames: int = 4,
        out_dir: str | None = None,
    ) -> None:
        check_choice("alignment", alignment, ALIGNMENTS)
        check_positive("num_frames", num_frames)
        super().__init__(num_frames)
        self.answers, self.truth = dict(answers), truth
        self.alignment, self.out_dir = alignment, out_dir
        self.views: list[DepthView] = []

    def before_test(self, runner: Runner) -> None:
        """Choose the batches."""
        super().before_test(runner)
        self.views = []

    def keep(self, number: int, batch: Mapping[str, Any], outputs: Sequence) -> None:
        """Keep the first frame of a batch."""
        inputs, sample = batch["inputs"], batch["data_samples"][0]
        truth = inputs[self.truth][0].cpu().numpy()
        answers = {
            title: align_depth(
                outputs[0][key].float().cpu().numpy(), truth, truth > 0, self.alignment
            )[0]
            for title, key in self.answers.items()
        }
        name = f"{sample['sequence']}, frame {int(sample['ids'][0])}"
        image = inputs["images"][0, 0].permute(1, 2, 0).cpu().numpy()
        self.views.append(DepthView(name, image, truth[0], answers))

    def after_test(self, runner: Runner) -> None:
        """Write the file."""
        if not self.views:
            return
        folder = Path(self.out_dir or Path(runner.work_dir) / "pictures")
        note = f"each answer aligned to the truth by its {self.alignment}, per window"
        write_depth_picture(folder / "depth.png", self.views, note)
        print_log(
            f"{len(self.views)} test frames drawn in {folder}/depth.png", "current"
        )
