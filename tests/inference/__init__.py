"""Prediction on recordings."""
