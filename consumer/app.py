"""Composition root: builds everything from the settings and closes it again."""
