"""Anybody's recording as posed frames: layouts, their detection, the preflight."""
