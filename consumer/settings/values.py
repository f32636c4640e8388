"""From a setting's text to its value: one small parser each, ValueError with a sentence that says why.

Sentences follow the setting's name ("must be …"), and quote no value: it may be a secret put in the
wrong place.
"""

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from consumer.events.zones import load_zone

Parse = Callable[[str], object]

MAX_TEXT_CHARACTERS = 4_096

_INTEGER = re.compile(r"[0-9]{1,15}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
TOPIC_PATTERN = "[A-Za-z0-9._-]{1,249}"
ACCOUNT_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_TOPIC = re.compile(TOPIC_PATTERN, re.ASCII)
_ACCOUNT = re.compile(ACCOUNT_PATTERN, re.ASCII)
# Labels of 1 to 63: the name look-up fails in ways of its own on others.
_HOST = re.compile(r"(?=[^.-])(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_VISIBLE = re.compile(r"[!-~]{1,1024}", re.ASCII)
_MAX_PORT = 65_535
_OTLP_NEEDS = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter", "requests")


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between two bounds, both allowed."""

    low: int
    high: int

    def __call__(self, text: str) -> int:
        if not _INTEGER.fullmatch(text) or not self.low <= int(text) <= self.high:
            raise ValueError(f"must be a whole number from {self.low} to {self.high}")
        return int(text)


@dataclass(frozen=True, slots=True)
class Decimal:
    """A decimal number such as 15 or 0.25 between two bounds, both allowed; no exponent, no NaN."""

    low: float
    high: float

    def __call__(self, text: str) -> float:
        if not _DECIMAL.fullmatch(text) or not self.low <= float(text) <= self.high:
            raise ValueError(f"must be a decimal number from {self.low:g} to {self.high:g}")
        return float(text)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words; `fold` may make upper and lower case the same."""

    allowed: tuple[str, ...]
    fold: Callable[[str], str] = str

    def __call__(self, text: str) -> str:
        if self.fold(text) not in self.allowed:
            raise ValueError("must be " + one_of(self.allowed))
        return self.fold(text)


def integer(low: int, high: int) -> Whole:
    """Reads a whole number."""
    return Whole(low, high)


def decimal(low: float, high: float) -> Decimal:
    """Reads a decimal number."""
    return Decimal(low, high)


def choice(*allowed: str, fold: Callable[[str], str] = str) -> Choice:
    """Reads one of these words."""
    return Choice(allowed, fold)


def traces(text: str) -> str:
    """Where traces go: `off`, or `otlp` where what that takes is installed."""
    kind = Choice(("off", "otlp"))(text)
    if kind == "otlp" and not all(map(_is_installed, _OTLP_NEEDS)):
        raise ValueError("needs the extra `otel`: install session-consumer[otel], or use the image")
    return kind


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False


def one_of(words: tuple[str, ...]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def yes_or_no(text: str) -> bool:
    """`true` or `false`."""
    if text.lower() not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text.lower() == "true"


def topic(text: str) -> str:
    """A name that Kafka takes."""
    if not _TOPIC.fullmatch(text) or text in {".", ".."}:
        raise ValueError("must be a Kafka topic name: 1 to 249 letters, digits, dots, hyphens or underscores")
    return text


def account_name(text: str) -> str:
    """A name that is fit for labels and file names."""
    if not _ACCOUNT.fullmatch(text):
        raise ValueError(
            "must be 1 to 63 letters, digits, dots, hyphens or underscores, a letter or digit first"
        )
    return text


def plain_text(text: str) -> str:
    """Any text without control characters, at most 1,024 characters, no white space around it."""
    if len(text) > 1_024 or not text.isprintable() or text != text.strip():  # noqa: PLR2004
        raise ValueError(
            "must be at most 1,024 characters, without control characters or white space around it"
        )
    return text


def password(text: str) -> str:
    """A secret that may hold any character but control characters."""
    if len(text) > 1_024 or not text.isprintable():  # noqa: PLR2004
        raise ValueError("must be at most 1,024 characters without control characters such as a line break")
    return text


def visible(text: str) -> str:
    """A credential as Zoho gives them: visible ASCII only."""
    if not _VISIBLE.fullmatch(text):
        raise ValueError(
            "must be 1 to 1,024 visible ASCII characters: look for a space or line break copied along"
        )
    return text


def bootstrap_servers(text: str) -> str:
    """`host:port` with commas between; given back without white space."""
    servers = [server.strip() for server in text.split(",")]
    if len(text) > MAX_TEXT_CHARACTERS or not all(_is_host_and_port(server) for server in servers):
        raise ValueError(
            "must be host:port, or several with commas between, such as kafka-1:9092,kafka-2:9092"
        )
    return ",".join(servers)


def _is_host_and_port(server: str) -> bool:
    host, _, port = server.rpartition(":")
    if not _INTEGER.fullmatch(port) or not 0 < int(port) <= _MAX_PORT:
        return False
    if host.startswith("[") and host.endswith("]"):
        return _is_address(host[1:-1])
    return _HOST.fullmatch(host) is not None


def http_host(text: str) -> str:
    """An address or host name to listen on."""
    if not is_host(text):
        raise ValueError("must be an address or host name to listen on, such as 0.0.0.0 or 127.0.0.1")
    return text


def is_host(text: str) -> bool:
    """An IP address, or a name that a look-up could find."""
    return _is_address(text) or _HOST.fullmatch(text) is not None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def time_zone(text: str) -> str:
    """An IANA zone that the zone data knows."""
    problem = (
        "must be a time zone of the IANA database such as Asia/Kolkata, the one set in the Zoho People portal"
    )
    try:
        load_zone(text)
    except ValueError:
        raise ValueError(problem) from None
    return text


def readable_file(text: str) -> str:
    """The path of a file that this process can read."""
    plain_text(text)
    if not is_there(text, Path.is_file):
        raise ValueError("names a file that doesn't exist or can't be reached; check the path and the mount")
    if not os.access(text, os.R_OK):
        raise ValueError("names a file that this process may not read; check its owner and mode")
    return text


def is_there(path: str, is_kind: Callable[[Path], bool]) -> bool:
    """Whether `Path.is_file` or `Path.is_dir` holds; false, too, where the way there can't be gone."""
    try:
        return is_kind(Path(path))
    except OSError:  # pathlib passes on all but "not found": no right, a stale mount, too long a name
        return False
