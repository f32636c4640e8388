"""The publishers' samples, against a real Kafka, the real consumer and an emulated Zoho."""

import json
from pathlib import Path

import pytest

from consumer.emulator.options import Catalogue, EmulatorOptions
from consumer.emulator.server import Emulator
from schemas.catalogue import SCHEMA_DIRECTORY
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import header
from tests.kafka_broker.traffic import read_all
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.leash import free_port
from tests.process import settings_for
from tests.publishers.check_jsonschema import refused
from tests.publishers.samples import LanguageUnavailableError, command, run
from tests.publishers.untested import UNTESTED_SAMPLES

SESSION = "478346000019553023"
# kcat is on few machines, and comes with no lock of ours.
languages = pytest.mark.parametrize(
    "language", ["python", "java", "go", pytest.param("kcat", marks=pytest.mark.slow)]
)


@pytest.fixture
def words(request: pytest.FixtureRequest, language: str) -> list[str]:
    """The command of the sample in that language."""
    try:
        return command(language)
    except LanguageUnavailableError as problem:
        request.config.stash[UNTESTED_SAMPLES].skip(f"{language}: {problem}")


@languages
async def test_a_sample_s_event_is_applied_and_it_says_so(
    words: list[str],
    kafka: KafkaUnderTest,
    topics: MakeTopics,
    consumer_process: MakeConsumer,
    *,
    tmp_path: Path,
) -> None:
    """Exit code 0, the outcome and the event's id; Zoho has what was sent, and the record the right form."""
    made = await topics(partitions=3)

    async with Emulator() as zoho, consumer_process(settings_for(kafka, made, zoho.url)):
        ran = await run(words, kafka.bootstrap, made.source)

    assert 0 == ran.exit_code, ran.stderr
    (record,) = await read_all(kafka.bootstrap, made.source)
    assert f"applied {header(record, 'ce_id')}\n" == ran.stdout
    assert SESSION.encode() == record.key
    assert "application/json" == header(record, "content-type")
    (tmp_path / "data.json").write_bytes(record.value or b"")
    assert set() == refused(SCHEMA_DIRECTORY / "data.json", [tmp_path / "data.json"])
    found = zoho.session(SESSION)
    assert found is not None
    assert json.loads(record.value or b"")["session"]["name"] == found.fields["name"]


@languages
async def test_a_sample_says_what_else_became_of_its_event(
    words: list[str], kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """A session that Zoho does not know: exit code 1, the outcome and the class."""
    made = await topics()

    async with (
        Emulator(EmulatorOptions(catalogue=Catalogue(unknown=frozenset({SESSION})))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url)),
    ):
        ran = await run(words, kafka.bootstrap, made.source)

    assert 1 == ran.exit_code, ran.stderr
    assert ran.stdout.startswith("dead_lettered ")
    assert "session_not_found" in ran.stderr


@pytest.mark.slow
@languages
async def test_a_sample_without_a_broker_ends_with_an_error(words: list[str]) -> None:
    """Within its own time, half a minute; nothing on stdout."""
    ran = await run(words, f"127.0.0.1:{free_port()}")

    assert (1, "") == (ran.exit_code, ran.stdout), ran.stderr
    assert ran.stderr
