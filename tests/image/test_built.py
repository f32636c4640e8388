"""The image, built and run without an engine: as any user, on a root it can't write to, as process 1."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumer.emulator.server import Emulator
from tests.image.conftest import CREATED, REVISION, VERSION
from tests.image.container import Container, command_in, first_process, run_in
from tests.image.tools import Built
from tests.integration.conftest import MakeTopics
from tests.integration.scene import changes, finished
from tests.kafka_broker.traffic import committed, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

# Building may take minutes where the base has to be made.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

MIB = 2**20
PROGRAM = "opt/session-consumer"

_NOT_COMPILED = """
import consumer.cli.run, consumer.telemetry.otlp, os, sys
compiled = [module.__cached__ for module in sys.modules.values() if getattr(module, "__cached__", None)]
print(*(each for each in compiled if not os.path.exists(each)))
"""
_RIGHTS = """
import os, pathlib
wanted = ("CapEff", "CapBnd", "NoNewPrivs")
lines = pathlib.Path("/proc/self/status").read_text().splitlines()
print(os.getpid(), os.getuid(), *(line for line in lines if line.startswith(wanted)))
pathlib.Path("/tmp/here").write_text("x")
try:
    pathlib.Path("/there").write_text("x")
except OSError as error:
    print(error.strerror)
"""


@pytest.fixture
async def zoho() -> AsyncIterator[Emulator]:
    """A strict Zoho with its real quota."""
    async with Emulator() as emulator:
        yield emulator


def test_the_image_says_what_it_is(image: Built) -> None:
    """Labels from the build arguments, a health check, a user id, exec forms, SIGTERM."""
    labels = {
        name.removeprefix("org.opencontainers.image."): text for name, text in image.config["Labels"].items()
    }

    assert (VERSION, REVISION, CREATED) == (labels["version"], labels["revision"], labels["created"])
    assert ["CMD", "python", "-m", "consumer.healthcheck"] == image.config["Healthcheck"]["Test"]
    assert "10001:10001" == image.config["User"]
    assert (["session-consumer"], ["run"]) == (image.config["Entrypoint"], image.config["Cmd"])
    assert "SIGTERM" == image.config["StopSignal"]


def test_the_image_is_small_and_has_nothing_that_it_does_not_need(image: Built) -> None:
    """The program's part has no pip, compiler, cache, test or source tree; its layers stay below 100 MiB."""
    found = {path.name for path in (image.files / PROGRAM).rglob("*")}

    assert set() == found & {
        "pip",
        "hatchling",
        "pytest",
        "gcc",
        "cc",
        "Dockerfile",
        "pyproject.toml",
    }
    assert [] == [each for each in ("src", "wheel", "tools", "root/.cache") if (image.files / each).exists()]
    # A dependency may bring a folder of that name of its own (certifi does).
    assert [] == list((image.files / PROGRAM).rglob("site-packages/tests"))
    assert [] == list((image.files / PROGRAM).rglob("*.whl"))
    assert not any((image.files / "usr/bin" / each).exists() for each in ("gcc", "cc", "make"))
    assert sum(image.layers[1:]) < 100 * MIB


def test_nothing_in_the_image_can_be_written_by_its_user(image: Built) -> None:
    """All of the program belongs to root, and nobody else may write it."""
    files = [path for path in (image.files / PROGRAM).rglob("*") if not path.is_symlink()]

    assert [] == [each for each in files if each.stat().st_uid != 0 or each.stat().st_mode & 0o022]


def test_everything_that_run_imports_is_compiled(image: Built, tmp_path: Path) -> None:
    """Else a process that may write nothing compiles it at every start."""
    done = run_in(image, tmp_path / "root", "-c", _NOT_COMPILED, entrypoint=["python"])

    assert (0, "") == (done.returncode, done.stdout.strip()), done.stderr


@pytest.mark.parametrize("user", [None, "1234567:0", "4242:4242"])
def test_the_demo_runs_as_any_user(image: Built, tmp_path: Path, user: str | None) -> None:
    """Without a name in /etc/passwd, on a root that is read-only, and it finds its result right."""
    done = run_in(image, tmp_path / "root", "demo", user=user)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "Checked:" in done.stdout


def test_the_root_is_read_only_and_tmp_is_not(image: Built, tmp_path: Path) -> None:
    """What the other tests rest on: the run they see is really contained, as process 1 without rights."""
    as_root = run_in(image, tmp_path / "root", "-c", _RIGHTS, entrypoint=["python"], user="0:0")
    as_its_user = run_in(image, tmp_path / "root", "-c", _RIGHTS, entrypoint=["python"])

    assert "Read-only file system" in as_root.stdout
    assert as_its_user.stdout.startswith("1 10001 ")
    assert "CapEff:\t0000000000000000 CapBnd:\t0000000000000000 NoNewPrivs:\t1" in as_its_user.stdout


async def test_run_delivers_is_healthy_and_ends_by_sigterm(
    image: Built, tmp_path: Path, kafka: KafkaUnderTest, topics: MakeTopics, zoho: Emulator
) -> None:
    """Events from a real Kafka reach Zoho; the health check says so; SIGTERM to process 1: exit 0."""
    made = await topics()
    await publish(kafka.bootstrap, made.source, changes(20, 20))
    settings = settings_for(kafka, made, zoho.url)
    health = image.config["Healthcheck"]["Test"][1:]

    def check_health() -> int:
        return subprocess.run(
            command_in(image, tmp_path / "health", [], env=settings, entrypoint=health), check=False
        ).returncode

    assert 1 == await asyncio.to_thread(check_health), "healthy before there is anything"
    async with Container(image, tmp_path / "root", settings, tmp_path / "log") as container:
        await finished(container, 20)
        assert 0 == await asyncio.to_thread(check_health)
        assert 0 == await container.terminate()

    assert 20 == zoho.audit().writes
    assert {20} == {
        each.offset for each in (await committed(kafka.bootstrap, made.group)).values() if each.offset
    }


async def test_sigterm_ends_process_1_while_it_still_imports(image: Built, tmp_path: Path) -> None:
    """Before `run`, or any command, has a handler of its own: the kernel must not swallow it."""
    command = command_in(image, tmp_path / "root", ["-c", _STAYING], entrypoint=["python"])
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    os.kill(first_process(process.pid), signal.SIGTERM)
    try:
        exit_code = await asyncio.wait_for(process.wait(), 5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    assert 143 == exit_code


# Says when the command begins to be imported, and stays there: the moment that is hardest to hit.
_STAYING = """
import runpy, sys, time
class Staying:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == "consumer.cli.main":
            print("importing", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Staying)
runpy.run_module("consumer", run_name="__main__")
"""
