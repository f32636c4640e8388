"""What is really in the four topics is what the AsyncAPI document says."""

import json
from dataclasses import replace

from consumer.emulator.options import Catalogue, EmulatorOptions
from consumer.emulator.server import Emulator
from consumer.events.examples import invalid_examples
from schemas.asyncapi import DOCUMENT
from schemas.catalogue import VALID_EXAMPLES, read_json
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.replay_desk import Desk
from tests.integration.scene import binary, data, finished, session_id
from tests.kafka_broker.traffic import Outgoing, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for
from tests.publishers.document import misfits

UNKNOWN = session_id(90)


async def test_every_record_of_the_four_topics_is_as_the_document_says(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Events in both modes, good, unknown to Zoho and broken; dead letters, a replay, outcomes, states."""
    made = await topics()
    document = read_json(DOCUMENT)
    structured = (("content-type", b"application/cloudevents+json"),)
    full, bad = read_json(VALID_EXAMPLES / "full.json"), invalid_examples()["delivery-unknown"]["event"]
    events = [
        binary(data(1), "1", session_id(1).encode(), traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"),
        binary(data(90), "2", UNKNOWN.encode()),
        Outgoing(json.dumps(full).encode(), b"478346000019553023", structured),
        Outgoing(json.dumps(bad).encode(), b"478346000019553023", structured),
    ]
    options = EmulatorOptions(catalogue=Catalogue(unknown=frozenset({UNKNOWN})))

    async with Emulator(options) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        await publish(kafka.bootstrap, made.source, events)
        await finished(process, len(events))
        replayed = await Desk(kafka, made).dlq("replay", "--class", "session_not_found", "--yes")
        assert 1 == replayed.exit_code, replayed.stderr

    counts = {}
    for channel, topic in zip(document["channels"], made.names, strict=True):
        records = await read_all(kafka.bootstrap, topic)
        counts[channel] = len(records)
        for record in records:
            fits = channel != "source" or record.offset < len(events) - 1
            assert fits == ({} == misfits(document, channel, record)), misfits(document, channel, record)
            without = replace(record, key=b"", value=b"{}", headers=())
            assert misfits(document, channel, without), "the check is one"
    # The replay failed again: its dead letter is there twice, with an outcome and two states.
    assert {"source": 4, "dead_letter": 3, "replay": 1, "outcomes": 7} == counts
