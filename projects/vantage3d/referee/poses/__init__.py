"""Trajectories of cameras, judged under a protocol."""
