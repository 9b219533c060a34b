"""Data sets and their statistics: one folder per data set, one class per kind of measurement."""
