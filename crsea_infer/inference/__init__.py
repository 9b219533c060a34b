"""From hypotheses and data sets to posteriors and evidences: priors, likelihoods, samplers."""
