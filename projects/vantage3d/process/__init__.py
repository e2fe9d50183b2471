"""Parallel runs, seeds, locks, progress and the endings of commands."""
