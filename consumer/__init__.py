"""Kafka "session changed" events in, Zoho People sessions up to date, failures in a dead-letter topic."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("session-consumer")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+unknown"
