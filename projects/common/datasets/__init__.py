"""What the datasets of every system share."""

from projects.common.datasets.seeded import SeededIndex, SeededSamples

__all__ = ["SeededIndex", "SeededSamples"]
