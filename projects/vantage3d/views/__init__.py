"""Indexes of posed frames: how they are made, and what reads them."""
