"""Figures, each a function from a result."""
