"""The log of a test: what is written to it, and logging as it was before."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from consumer.telemetry import configure_logging


@contextmanager
def logging_restored() -> Iterator[None]:
    """`configure_logging` is for a whole process: within it alone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """All that is logged, at the most talkative level that an operator can choose."""
    with logging_restored():
        stream = io.StringIO()
        configure_logging("json", "debug", stream=stream)
        yield stream
