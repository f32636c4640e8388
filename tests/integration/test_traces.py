"""A trace from the publisher to the call of Zoho, as a collector gets it over real OTLP."""

import asyncio
import json
from dataclasses import replace

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.collector import Collector
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.replays_scene import replay_of
from tests.integration.scene import COURSE, binary, data, dead_letters, finished, header, session_id, until
from tests.kafka_broker.traffic import Outgoing, Topics, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))
LOST = 7


class Publisher:
    """Publishes as one does whose client is instrumented: each send is a span, and the record carries it."""

    def __init__(self, collector: Collector, kafka: KafkaUnderTest, topics: Topics) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": "lms"}))
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{collector.url}/v1/traces"))
        )
        self._kafka, self._topics = kafka, topics

    async def send(self, record: Outgoing) -> str:
        """The id of its trace."""
        tracer = self._provider.get_tracer("lms")
        with tracer.start_as_current_span(f"send {self._topics.source}", kind=SpanKind.PRODUCER) as span:
            carrier: dict[str, str] = {}
            TraceContextTextMapPropagator().inject(carrier)
            traced = tuple((name, value.encode()) for name, value in carrier.items())
            record = replace(record, headers=(*record.headers, *traced))
            await publish(self._kafka.bootstrap, self._topics.source, [record])
        return f"{span.get_span_context().trace_id:032x}"

    async def close(self) -> None:
        """Export what is left."""
        await asyncio.to_thread(self._provider.shutdown)


async def test_a_collector_can_join_the_publisher_and_the_call_of_zoho(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """One trace: send, process, PATCH, each the child of the one before; the log line names it."""
    made = await topics()
    async with Emulator(QUICK) as zoho, Collector() as collector:
        publisher = Publisher(collector, kafka, made)
        env = settings_for(kafka, made, zoho.url) | collector.settings
        async with consumer_process(env) as process:
            trace = await publisher.send(binary(data(1), "e-1"))
            await finished(process, 1)
            # Not exported yet, maybe: a stop hands over what is left.
            assert 0 == await process.terminate()
        await publisher.close()

        sent, processed, called = collector.of(trace)
        assert ["lms", "session-consumer", "session-consumer"] == [
            each.service for each in (sent, processed, called)
        ]
        assert [f"send {made.source}", f"process {made.source}"] == [sent.name, processed.name]
        assert called.name.startswith("PATCH ")
        assert [sent.id, processed.id] == [processed.parent, called.parent]
        assert ("applied", "e-1") == (
            processed.attributes["session_consumer.outcome"],
            processed.attributes["messaging.message.id"],
        )
        assert 200 == called.attributes["http.response.status_code"]
        assert called.attributes["url.full"].endswith(f"/sessions/{session_id(1)}")
        assert processed.start_ns <= called.start_ns <= called.end_ns <= processed.end_ns
        lines = [json.loads(line) for line in process.log_lines() if "event done" in line]
        assert [trace] == [line["trace_id"] for line in lines]


async def test_a_dead_letter_keeps_the_trace_and_its_replay_goes_on_with_it(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """However the context came: as the record's header, or in the event itself."""
    made = await topics()
    in_event = f"00-{'ab' * 16}-{'cd' * 8}-01"
    structured = {
        "specversion": "1.0",
        "id": "e-2",
        "source": "/lms/test",
        "type": "training.session.changed.v1",
        "time": "2026-11-20T10:00:00Z",
        "traceparent": in_event,
        "data": data(LOST + 1),
    }
    async with Emulator(QUICK) as zoho, Collector() as collector:
        zoho.add_fault(Fault("not_found", course_id=COURSE))
        publisher = Publisher(collector, kafka, made)
        env = settings_for(kafka, made, zoho.url) | collector.settings
        async with consumer_process(env) as process:
            trace = await publisher.send(binary(data(LOST), "e-1"))
            await publish(
                kafka.bootstrap,
                made.source,
                [
                    Outgoing(
                        json.dumps(structured).encode(),
                        b"k",
                        (("content-type", b"application/cloudevents+json"),),
                    )
                ],
            )
            await finished(process, 2)
            letters = {
                header(each, "dlq.event.id"): each for each in await dead_letters(kafka.bootstrap, made)
            }
            kept = header(letters["e-1"], "traceparent")
            assert kept is not None
            assert trace in kept
            assert [kept, in_event] == [header(letters[each], "dlq.traceparent") for each in ("e-1", "e-2")]

            zoho.clear_faults()
            await publish(kafka.bootstrap, made.replay, [replay_of(letters["e-1"])])
            await finished(process, 3)

            async def exported() -> bool:
                return len(collector.of(trace)) == 4

            await until(exported)
        await publisher.close()

        spans = collector.of(trace)
        outcomes = [each.attributes.get("session_consumer.outcome") for each in spans]
        assert ["dead_lettered", "applied"] == [each for each in outcomes if each]
        assert f"process {made.replay}" in [each.name for each in spans]
        assert 1 == len([each for each in collector.of("ab" * 16) if each.name.startswith("process ")])


@pytest.mark.parametrize(
    ("variable", "value"),
    # Read when spans are set up, and when OpenTelemetry is imported.
    [("OTEL_BSP_MAX_QUEUE_SIZE", "100"), ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "SUPERSECRET")],
)
async def test_a_variable_that_opentelemetry_refuses_is_a_settings_problem(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, variable: str, value: str
) -> None:
    """Exit code 2, its name, and not its value."""
    env = settings_for(kafka, await topics(), "http://127.0.0.1:9", traces="otlp")
    process = consumer_process(env | {variable: value})
    process.start()

    assert 2 == await process.wait()
    said = "\n".join(process.log_lines())
    assert variable in said
    assert value == "100" or value not in said
