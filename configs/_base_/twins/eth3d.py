"""A narrow network for minutes on synthetic rooms, for the twins to take from."""

_base_ = [
    "../datasets/room_views.py",
    "../models/vggt_narrow.py",
    "../schedules/vggt_minutes.py",
]
