"""The front door: what a notebook or script imports, with units; the command line uses it too."""
