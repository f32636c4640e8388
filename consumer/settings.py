"""Settings from the environment and a directory of secrets, every problem reported at once."""
