"""Files in and out: atomic writes, raw arrays, images, info files."""
