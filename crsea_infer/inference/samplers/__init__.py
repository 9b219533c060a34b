"""Samplers: one small file each, all behind the protocol of :mod:`crsea_infer.inference.samplers.sampler`."""
