"""`session-consumer check`: does it all work from here? One module for each group of checks."""
