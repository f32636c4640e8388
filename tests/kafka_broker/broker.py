"""One Apache Kafka broker: start, stop, kill, freeze, come back with the same data on the same ports."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.kafka_broker.java import BrokerUnavailableError
from tests.kafka_broker.properties import server_properties
from tests.kafka_broker.runtime import Runtime, copy_formatted, keep_class_archive, runtime
from tests.leash import Leash, free_port, kill_group

READY_SECONDS = 60  # 1.3 s on an idle machine
STOP_SECONDS = 30  # 0.5 s on an idle machine, 3 s more where the class archive is written
_LOG_TAIL_BYTES = 2_000


class Broker:
    """A broker that is running when the constructor returns. Its calls block: from a coroutine that must
    not stand still meanwhile use `asyncio.to_thread(broker.restart)`.

    `directory` must not exist; data, settings and `broker.log` go there. `properties` are changes to the
    server's properties, `listeners` more ways in (name → security protocol), found by `address`;
    `advertised`: the ports that clients of some of them are sent to instead (a proxy's).
    Raises BrokerUnavailableError where it can't be started at all.
    """

    def __init__(
        self,
        directory: Path,
        properties: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        advertised: Mapping[str, int] | None = None,
    ) -> None:
        self._runtime: Runtime = runtime()
        self._directory = directory
        self._properties = dict(properties or {})
        self._listeners = dict(listeners or {})
        self._advertised = dict(advertised or {})
        self._listener_ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None
        directory.mkdir(parents=True)
        copy_formatted(self._runtime, self.data)
        self._start_on_free_ports()

    @property
    def bootstrap(self) -> str:
        """`host:port`, the same until it moves."""
        return f"127.0.0.1:{self._port}"

    def address(self, listener: str) -> str:
        """`host:port` of one of the `listeners`, the same for the broker's whole life."""
        return f"127.0.0.1:{self._listener_ports[listener]}"

    @property
    def data(self) -> Path:
        """Where its topics are: a directory for each partition."""
        return self._directory / "data"

    @property
    def log(self) -> Path:
        """What the broker wrote: warnings and errors."""
        return self._directory / "broker.log"

    @property
    def running(self) -> bool:
        """Whether there is a process (a frozen one counts)."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """SIGTERM, and wait: the broker says good-bye to its clients and closes its files."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        self.kill()
        keep_class_archive(self._runtime, self._dumped_classes)

    def kill(self) -> None:
        """SIGKILL: gone in the middle of whatever it did."""
        if self._process is not None:
            kill_group(self._process)
            self._process = None
        if self._leash is not None:
            self._leash.release()
            self._leash = None

    def start(self) -> None:
        """Come back on the same ports with the same data; returns when it really answers."""
        if self.running:
            raise RuntimeError("the broker is running")
        self._launch()
        self._wait_until_ready()

    def restart(self) -> None:
        """`stop` and `start`."""
        self.stop()
        self.start()

    def move(self, port: int) -> None:
        """`stop`, and come back at another port with the same data, as in a cluster that is replaced."""
        self.stop()
        self._port = port
        self._write_settings()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, like a machine that swaps or a paused VM."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_on_free_ports(self) -> None:
        # Port 0 is of no use: the broker would advertise 0. So another process can be faster.
        for attempts_left in (2, 1, 0):
            self._port, self._controller_port = free_port(), free_port()
            self._listener_ports = {name: free_port() for name in self._listeners}
            self._write_settings()
            try:
                self.start()
            except BrokerUnavailableError:
                taken = "Address already in use" in self._log_tail() or "BindException" in self._log_tail()
                if not taken or not attempts_left:
                    raise
            else:
                return

    def _write_settings(self) -> None:
        more = {name: (self._listeners[name], port) for name, port in self._listener_ports.items()}
        self._settings.write_text(
            server_properties(
                self.data,
                self._port,
                self._controller_port,
                self._properties,
                listeners=more,
                advertised=self._advertised,
            )
        )

    def _launch(self) -> None:
        command = self._runtime.command("kafka.Kafka", str(self._settings))
        command[1:1] = self._class_archive_options()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                start_new_session=True,  # Ctrl-C is for the test run, which then stops the broker
            )
        self._leash = Leash(self._process.pid)

    def _class_archive_options(self) -> list[str]:
        # A damaged archive, or one of another Java, is left aside by Java without a fuss.
        archive = self._runtime.class_archive
        if archive.exists():
            return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        return [f"-XX:ArchiveClassesAtExit={self._dumped_classes}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + READY_SECONDS
        client: AdminClient | None = None
        while self.running and time.monotonic() < give_up_at:
            if client is None and self._port_is_open():
                client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            if client is not None and _all_led(client):
                return
            time.sleep(0.02)
        ended = None if self._process is None else self._process.poll()
        self.kill()
        state = "did not answer in time" if ended is None else f"ended with exit code {ended}"
        raise BrokerUnavailableError(f"the broker {state}: {self._log_tail()}")

    def _port_is_open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("the broker is not running")
        os.kill(self._process.pid, number)

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
        return ""

    @property
    def _settings(self) -> Path:
        return self._directory / "server.properties"

    @property
    def _dumped_classes(self) -> Path:
        # In the cache, because a rename within one file system happens at once.
        return self._runtime.class_archive.with_suffix(f".{os.getpid()}.tmp")


def _all_led(client: AdminClient) -> bool:
    """Whether the broker is in its cluster and leads every partition (after a restart that takes a while)."""
    try:
        metadata = client.list_topics(timeout=2)
    except KafkaException:
        return False
    partitions = [part for topic in metadata.topics.values() for part in topic.partitions.values()]
    return bool(metadata.brokers) and all(part.leader >= 0 for part in partitions)
