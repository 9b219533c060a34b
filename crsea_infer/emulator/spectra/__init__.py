"""Skies of other codes: spectra of regions, emulated from grids that were imported."""
