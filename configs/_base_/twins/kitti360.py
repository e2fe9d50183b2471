"""A narrow network for minutes on synthetic streets, for the twins to take from."""

_base_ = [
    "../datasets/street_views.py",
    "../models/vggt_narrow.py",
    "../schedules/vggt_minutes.py",
]
