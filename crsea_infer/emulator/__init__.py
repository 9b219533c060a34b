"""Fast stand-ins for the transport solver, trained on grids, with their error known and written inside."""
