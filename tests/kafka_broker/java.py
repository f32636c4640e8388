"""Which Java there is, and whether it will do."""

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from os import environ
from pathlib import Path

OLDEST_JAVA = 17  # Kafka 4 brokers start on nothing older
_ANSWER_SECONDS = 20


class BrokerUnavailableError(Exception):
    """No broker can be started here. The message says what is missing and how to get it."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that can run a broker. `build` tells two builds apart, for files made by one of them."""

    binary: str
    build: str


@cache
def find_java() -> Java:
    """The Java of JAVA_HOME, else of PATH.

    Raises BrokerUnavailableError where there is none, or one older than 17.
    """
    binary = _binary()
    try:
        # `java -version` writes to stderr, in every version and vendor.
        answer = subprocess.run(
            [binary, "-version"], capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError) as error:
        raise BrokerUnavailableError(f"Java does not answer ({binary}): {type(error).__name__}") from error
    version = re.search(r'version "(\d+)', answer)
    if version is None or int(version[1]) < OLDEST_JAVA:
        first_line = answer.strip().partition("\n")[0]
        raise BrokerUnavailableError(f"Java {OLDEST_JAVA} or newer is needed, {binary} says: {first_line}")
    return Java(binary, build=f"java-{version[1]}-{hashlib.sha256(answer.encode()).hexdigest()[:12]}")


def _binary() -> str:
    home = environ.get("JAVA_HOME")
    candidate = Path(home, "bin", "java") if home else None
    if candidate and candidate.exists():
        return str(candidate)
    found = shutil.which("java")
    if found is None:
        raise BrokerUnavailableError(f"there is no Java ({OLDEST_JAVA} or newer) in JAVA_HOME or on the PATH")
    return found
