"""Carrying out runs, studies and calibrations, each in a directory of its own."""
