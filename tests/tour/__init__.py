"""A scripted incident, from the first look at the dead letters to the last: a test, and docs/tour.md."""
