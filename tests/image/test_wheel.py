"""The wheel, installed from the locks into a fresh environment: nothing of the source tree is needed."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumer.emulator.server import Emulator
from tests.image.tools import ROOT
from tests.integration.conftest import MakeTopics
from tests.integration.scene import changes, finished
from tests.kafka_broker.traffic import publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import ConsumerProcess, settings_for

# Some thirty wheels are fetched where no cache has them.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what the image's builder sees, by the locked build backend."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("consumer", "schemas"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made), cwd=source)
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`session-consumer` in a fresh environment: the locked requirements by their hashes, and the wheel."""
    place = tmp_path_factory.mktemp("installed") / "env"
    _run(sys.executable, "-m", "venv", "--without-pip", str(place))
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python"), "install", "--quiet"]
    locked = str(ROOT / "requirements/runtime.txt")
    _run(*pip, "--require-hashes", "--only-binary=:all:", "-r", locked)
    _run(*pip, "--no-deps", "--no-index", str(wheel))
    return place / "bin" / "session-consumer"


@pytest.fixture
async def zoho() -> AsyncIterator[Emulator]:
    """A strict Zoho with its real quota."""
    async with Emulator() as emulator:
        yield emulator


def test_the_wheel_holds_the_program_and_its_schemas_and_nothing_else(wheel: Path) -> None:
    """Every module, type marker, schema and example; no test, no cache."""
    names = set(zipfile.ZipFile(wheel).namelist())
    own = {name for name in names if ".dist-info/" not in name}
    there = {
        str(path.relative_to(ROOT))
        for name in ("consumer", "schemas")
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert there == own
    assert {
        "consumer/py.typed",
        "schemas/asyncapi.json",
        "schemas/json/event.json",
        "schemas/examples/valid/full.json",
    } <= own


def test_the_installed_demo_finds_its_result_right(command: Path, tmp_path: Path) -> None:
    """From a directory with nothing in it."""
    done = subprocess.run(
        [command, "demo"], cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=60
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "Checked:" in done.stdout


def test_the_installed_command_has_its_schemas_and_examples(command: Path, tmp_path: Path) -> None:
    """What `event schema` and `event example` print is part of the package."""
    for what in (["schema"], ["schema", "asyncapi"], ["example"]):
        done = subprocess.run(
            [command, "event", *what], cwd=tmp_path, env=_environment(), capture_output=True, timeout=30
        )

        assert (0, b"{") == (done.returncode, done.stdout.lstrip()[:1]), done.stderr


async def test_the_installed_consumer_delivers(
    command: Path, tmp_path: Path, kafka: KafkaUnderTest, topics: MakeTopics, zoho: Emulator
) -> None:
    """`run`, with a real Kafka and an emulated Zoho over HTTP; SIGTERM ends it with 0."""
    made = await topics()
    await publish(kafka.bootstrap, made.source, changes(20, 20))

    async with ConsumerProcess(
        settings_for(kafka, made, zoho.url), tmp_path / "log", [str(command), "run"]
    ) as process:
        await finished(process, 20)
        assert 0 == await process.terminate()

    assert 20 == zoho.audit().writes


def _environment() -> dict[str, str]:
    """Without what would lead to the source tree or to this environment."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CONSUMER_", "PYTHON"))}


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:]
