"""The task ``streams``: whether instances keep their ids over the frames of a film."""
