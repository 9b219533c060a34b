"""What all parts of the package lean on, and what knows nothing of them."""
