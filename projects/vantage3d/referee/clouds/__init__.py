"""Point clouds and meshes, judged under a protocol."""
