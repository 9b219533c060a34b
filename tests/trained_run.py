"""A run with a training set: what the outer region of LHAASO-KM2A is foretold after DAMPE."""

TRAINED = """
title = "After DAMPE"
likelihoods = ["lhaaso_km2a_outer", "dampe_protons", "dampe_helium"]
train_on = ["dampe_protons", "dampe_helium"]
hypotheses = ["base-min"]
seed = 4
"""
