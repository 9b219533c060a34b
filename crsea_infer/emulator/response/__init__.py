"""Our own sky: responses of regions to local cosmic-ray spectra, emulated or solved."""
