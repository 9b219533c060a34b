"""The sky from first principles: transport of cosmic rays, gas, emission, absorption, regions.

Numbers inside are plain arrays in GeV, cm, s, sr, kpc and GV. Nothing here knows about grids, emulators or data.
"""
