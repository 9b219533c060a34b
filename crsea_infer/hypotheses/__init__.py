"""Hypotheses: prior distributions, prior sets, and the named lists of them that are compared."""
