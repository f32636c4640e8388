"""What every broker here shares: the jars, the Java, a formatted directory, an archive of loaded classes."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.kafka_broker.fetch import cache_directory, fetch_jars
from tests.kafka_broker.java import BrokerUnavailableError, Java, find_java
from tests.kafka_broker.properties import JAVA_OPTIONS, server_properties

_CLUSTER_ID = "c2Vzc2lvbi1jb25zdW1lcg"  # 16 bytes in base64, as Kafka wants it
_FORMAT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Runtime:
    """How to start a broker. `formatted` is a directory to copy: formatting takes 1.5 s each time."""

    java: Java
    jars: Path
    formatted: Path

    @property
    def class_archive(self) -> Path:
        """Made by the first broker that stops: the next one starts in 1.3 s instead of 2.5 s."""
        return self.jars.parent / f"classes-{self.java.build}.jsa"

    def command(self, main_class: str, *arguments: str, heap_mb: int = 256) -> list[str]:
        """The command line of one of Kafka's programs."""
        # The order of the class path must not change, or the archive is of no use.
        class_path = ":".join(str(jar) for jar in sorted(self.jars.glob("*.jar")))
        options = [f"-Xmx{heap_mb}m", *JAVA_OPTIONS]
        return [self.java.binary, *options, "-cp", class_path, main_class, *arguments]


@cache
def runtime() -> Runtime:
    """What a broker needs, made where it is missing. Raises BrokerUnavailableError."""
    java = find_java()
    made = Runtime(java, fetch_jars(), cache_directory() / "formatted")
    if not made.formatted.exists():
        _format(made)
    return made


def _format(made: Runtime) -> None:
    """Make the formatted directory appear at once and whole: other runs may be looking for it."""
    with tempfile.TemporaryDirectory(dir=made.formatted.parent, prefix="formatting-") as scratch:
        data = Path(scratch, "data")
        settings = Path(scratch, "server.properties")
        settings.write_text(server_properties(data, 9092, 9093, {}))
        command = made.command("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(settings))
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_SECONDS, check=False)
        if done.returncode:
            raise BrokerUnavailableError(f"Kafka could not format a directory: {done.stderr.strip()[-600:]}")
        try:
            data.rename(made.formatted)
        except OSError:
            if not made.formatted.exists():  # else another run was first, and its directory is as good
                raise


def copy_formatted(made: Runtime, data: Path) -> None:
    """A fresh data directory for one broker."""
    shutil.copytree(made.formatted, data)


def keep_class_archive(made: Runtime, dumped: Path) -> None:
    """Put what a stopped broker dumped in its place, for the brokers to come."""
    if dumped.exists():
        dumped.replace(made.class_archive)
