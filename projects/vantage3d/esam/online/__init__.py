"""Instances of a stream that persist: which one of earlier frames each of them is."""
