"""What finished samplings say beyond their evidence: of emulation, priors, nested hypotheses, tension, calibration."""
