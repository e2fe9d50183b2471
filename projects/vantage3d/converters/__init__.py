"""Raw datasets and recordings, to frame indexes and labelled samples."""
