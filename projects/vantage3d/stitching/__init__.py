"""Long sequences: chunks that a network can hold, put together into one world.

``chunks`` predicts and keeps them on disk, ``alignment`` fits one onto another where
they share frames, ``loops`` finds views that return, ``graph`` makes all of it agree,
and ``stitch`` does these in turn. Any network will do: whatever maps numbers of frames
to a :class:`~vantage3d.stitching.chunks.Chunk`, a folder of predictions too.
"""
