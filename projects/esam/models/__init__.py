"""ESAM networks."""
