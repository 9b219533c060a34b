"""Finding and reading what scientists write: TOML files, tables of measurements, labels."""
