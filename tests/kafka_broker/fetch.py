"""Apache Kafka's jars, fetched once by Maven into a cache and checked against the sums in the repository.

`python -m tests.kafka_broker.fetch` fetches, `… pin` writes the sums anew after a change of pom.xml.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kafka_broker.java import BrokerUnavailableError

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
SUMS = HERE / "jars.sha256"
_DOWNLOAD_SECONDS = 600


def cache_directory() -> Path:
    """Where everything of this Kafka version is kept: $CONSUMER_TEST_CACHE or ~/.cache/session-consumer."""
    root = os.environ.get("CONSUMER_TEST_CACHE") or "~/.cache/session-consumer"
    return Path(root).expanduser() / "kafka-4.1.1"


def fetch_jars() -> Path:
    """The directory that holds exactly the jars of jars.sha256; made where it is missing or damaged.

    Safe for runs at the same time: one fetches, the others wait, and the directory appears at once,
    whole and checked. Raises BrokerUnavailableError where Maven is missing, fails, or brings other bytes.
    """
    jars = cache_directory() / "jars"
    if differences(jars) is None:
        return jars
    with _one_at_a_time(cache_directory()):
        if differences(jars) is not None:
            _fetch_into(jars)
    return jars


def differences(jars: Path) -> str | None:
    """What keeps a directory from being the one wanted, in a few words; None where nothing does."""
    pinned = [line.split() for line in SUMS.read_text().splitlines()]
    wanted = {name: digest for digest, name in pinned}
    there = {path.name: path for path in jars.glob("*.jar")}
    if missing := sorted(wanted.keys() - there.keys()):
        return f"{len(missing)} jars missing, {missing[0]} among them"
    if surplus := sorted(there.keys() - wanted.keys()):
        return f"{surplus[0]} does not belong there"
    for name, path in there.items():
        if _sum_of(path) != wanted[name]:
            return f"{name} has other bytes than the ones pinned"
    return None


def _fetch_into(jars: Path) -> None:
    with _copied_by_maven(jars.parent) as fresh:
        if problem := differences(fresh):
            raise BrokerUnavailableError(f"Maven brought other files than jars.sha256 names: {problem}")
        shutil.rmtree(jars, ignore_errors=True)
        fresh.rename(jars)


@contextmanager
def _copied_by_maven(parent: Path) -> Iterator[Path]:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerUnavailableError("there is no Maven (mvn) on the PATH to fetch the broker with")
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="fetching-", ignore_cleanup_errors=True) as directory:
        fresh = Path(directory, "jars")
        command = [
            *(maven, "--batch-mode", "--quiet", "--file", str(POM)),
            *("dependency:copy-dependencies", f"-DoutputDirectory={fresh}"),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise BrokerUnavailableError(f"Maven had not finished after {_DOWNLOAD_SECONDS} s") from error
        if done.returncode:
            raise BrokerUnavailableError(f"Maven could not fetch the broker: {done.stdout.strip()[:600]}")
        yield fresh


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process, whatever becomes of it
        yield


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pin() -> None:
    with _copied_by_maven(cache_directory()) as fresh:
        lines = [f"{_sum_of(path)}  {path.name}\n" for path in sorted(fresh.glob("*.jar"))]
    SUMS.write_text("".join(lines))


if __name__ == "__main__":
    if sys.argv[1:] == ["pin"]:
        _pin()
    sys.stderr.write(f"{fetch_jars()}\n")
