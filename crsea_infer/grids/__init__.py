"""Precomputed tables of transport and emission: how they are built, stored, imported and recognised."""
