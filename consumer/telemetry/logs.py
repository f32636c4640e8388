"""Log lines: one bounded line each on stderr, JSON or text, ours and the libraries' alike.

What must not be in a log is kept out here as well as at the caller: values of unknown types are named
by their type, and exceptions of foreign libraries lose their message, which may quote an event (aiohttp
quotes whole URLs).
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, Literal, TextIO

import structlog

from consumer.telemetry.lines import console_line, describe_exception, json_line

# They quote what is wrong: a key in a header, a publisher's text. `collector` has words of its own.
UNHEARD = ("opentelemetry", "requests", "urllib3")
FLOOD_SECONDS = 10.0
MAX_REMEMBERED_MESSAGES = 200

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logging(
    log_format: Literal["json", "console"],
    log_level: Literal["debug", "info", "warning", "error"],
    *,
    stream: TextIO | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Send structlog's and the standard library's logs to `stream` (default stderr).

    Libraries are heard from WARNING on, whatever the level: at DEBUG aiokafka logs its requests, with
    the SASL password in them. The same line of theirs comes once in 10 seconds, with a count.
    """
    level = _LEVELS[log_level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            _with_exception,
            json_line if log_format == "json" else console_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog(FloodGate(monotonic))]
    root.setLevel(max(level, logging.WARNING))
    # A library may have set a level of its own, which the root's does not override.
    for name in ("aiokafka", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=True)


@contextmanager
def unlogged() -> Iterator[None]:
    """No line is logged within, ours or a library's: for whoever tells all of it in another way."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(wrapper_class=before)


class FloodGate:
    """Lets a text through once in 10 seconds. `now` is in seconds, of a clock that never goes back."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        # Text -> when it last went through, and how often it was held back since.
        self._seen: dict[str, tuple[float, int]] = {}

    def admit(self, text: str) -> int | None:
        """How often the text was held back since it last went through; None: hold it back."""
        now = self._monotonic()
        last, held_back = self._seen.get(text, (None, 0))
        if last is not None and now - last < FLOOD_SECONDS:
            self._seen[text] = (last, held_back + 1)
            return None
        if last is None and not self._make_room(now):
            return None
        self._seen[text] = (now, 0)
        return held_back

    def _make_room(self, now: float) -> bool:
        if len(self._seen) >= MAX_REMEMBERED_MESSAGES:
            self._seen = {
                text: (last, count)
                for text, (last, count) in self._seen.items()
                if now - last < FLOOD_SECONDS
            }
        return len(self._seen) < MAX_REMEMBERED_MESSAGES


class _ToStructlog(logging.Handler):
    """The standard library's records, by way of structlog."""

    def __init__(self, gate: FloodGate) -> None:
        super().__init__()
        self._gate = gate

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in UNHEARD:
            return
        try:
            # The first line only: asyncio adds reprs, with whatever is in them.
            message = record.getMessage().partition("\n")[0]
        except (TypeError, ValueError):
            message = str(record.msg).partition("\n")[0]
        held_back = self._gate.admit(f"{record.name} {record.levelno} {message[:1_000]}")
        if held_back is None:
            return
        fields: dict[str, Any] = {"logger": record.name}
        if held_back:
            fields["repeated"] = held_back
        if record.exc_info and record.exc_info[1]:
            fields["exc_info"] = record.exc_info[1]
        log = structlog.get_logger()
        (log.error if record.levelno >= logging.ERROR else log.warning)(message, **fields)


class _Lines:
    """Writes whole lines. A log that can't be written stops nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


def _with_exception(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
    exc = fields.pop("exc_info", None)
    if exc is True:
        exc = sys.exc_info()[1]
    if isinstance(exc, tuple):
        exc = exc[1]
    if isinstance(exc, BaseException):
        fields["exception"] = describe_exception(exc)
    return fields
