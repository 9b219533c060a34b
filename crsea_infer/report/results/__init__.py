"""What there is to show of a run: its summary, its curves and bands."""
