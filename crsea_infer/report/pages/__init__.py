"""Pages that hold it all, and lines for a terminal."""
