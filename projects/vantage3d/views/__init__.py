"""Posed views: frame indexes, and the samples that every system reads from them."""
