"""The spans of an event: OpenTelemetry's names, the publisher's trace, no content."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from consumer.delivery.done import Done
from consumer.events.trace_context import TraceContext
from consumer.telemetry.otlp import OtlpTraces
from consumer.telemetry.traces import NoTraces
from schemas.error_class import ErrorClass
from tests.unit.test_event_lines import CALLS, DONE, WORK

TRACE = TraceContext("ab" * 16, "cd" * 8, 1, "vendor=x")
TRACED = replace(DONE, work=WORK._replace(identity=replace(WORK.identity, trace=TRACE)))
PEOPLE = {"north": "https://people.example.com:8443/base"}


def spans(done: Done) -> list[ReadableSpan]:
    """What is exported of it, the event's own span last, as it is ended last."""
    exporter = InMemorySpanExporter()

    async def record() -> None:
        traces = OtlpTraces(group="g", people_urls=PEOPLE, exporter=exporter)
        traces.record(done)
        await traces.close(5.0)

    asyncio.run(record())
    return list(exporter.get_finished_spans())


def of(span: ReadableSpan) -> Mapping[str, Any]:
    """Its attributes."""
    return dict(span.attributes or {})


def test_an_events_span_goes_on_with_its_publishers_trace() -> None:
    """Same trace, the publisher's span as its parent, the state handed on, the times of then."""
    event = spans(TRACED)[-1]

    assert ("process t.replay", SpanKind.CONSUMER) == (event.name, event.kind)
    assert event.parent is not None
    assert event.context is not None
    assert (int("ab" * 16, 16), int("cd" * 8, 16)) == (event.context.trace_id, event.parent.span_id)
    assert "x" == event.context.trace_state.get("vendor")
    assert (100_000_000_000, 111_000_000_000) == (event.start_time, event.end_time)
    assert {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "t.replay",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 41,
        "messaging.consumer.group.name": "g",
        "messaging.message.id": "e-1",
        "cloudevents.event_id": "e-1",
        "cloudevents.event_source": "/lms",
        "cloudevents.event_type": "training.session.changed.v1",
        "cloudevents.event_spec_version": "1.0",
        "session_consumer.account": "north",
        "session_consumer.outcome": "dead_lettered",
        "session_consumer.session": "1/2/3/4",
        "session_consumer.calls": 2,
    } == of(event)


def test_each_call_is_a_client_span_within_it() -> None:
    """The URL without `sessionData`; a repeat says that it is one."""
    first, second, event = spans(TRACED)

    assert event.context is not None
    for call in (first, second):
        assert call.parent is not None
        assert event.context.span_id == call.parent.span_id
        assert SpanKind.CLIENT == call.kind
    template = "/base/api/v1/courses/{courseId}/batches/{batchId}/modules/{moduleId}/sessions/{sessionId}"
    assert f"PATCH {template}" == first.name
    assert {
        "http.request.method": "PATCH",
        "server.address": "people.example.com",
        "server.port": 8443,
        "url.template": template,
        "url.full": "https://people.example.com:8443/base/api/v1/courses/1/batches/2/modules/3/sessions/4",
        "http.response.status_code": 503,
        "error.type": "503",
        "session_consumer.verdict": "failed",
    } == of(first)
    assert (1, "no_answer") == (of(second)["http.request.resend_count"], of(second)["error.type"])
    assert [StatusCode.ERROR] * 2 == [first.status.status_code, second.status.status_code]
    assert (CALLS[0].started_at * 1e9, CALLS[0].ended_at * 1e9) == (first.start_time, first.end_time)


def test_a_dead_letters_span_is_an_error_by_its_class() -> None:
    """And an applied event's is none."""
    dead = spans(replace(TRACED, error_class=ErrorClass.OUTCOME_UNKNOWN))[-1]
    applied = spans(replace(TRACED, outcome="applied"))[-1]

    assert (StatusCode.ERROR, "outcome_unknown") == (dead.status.status_code, of(dead)["error.type"])
    assert StatusCode.UNSET == applied.status.status_code


def test_an_event_without_a_trace_begins_one() -> None:
    """Whose id the event's line names."""
    exporter = InMemorySpanExporter()

    async def record() -> str | None:
        traces = OtlpTraces(group="g", people_urls=PEOPLE, exporter=exporter)
        trace_id = traces.record(DONE)
        await traces.close(5.0)
        return trace_id

    named = asyncio.run(record())
    assert {named} == {
        f"{span.context.trace_id:032x}" for span in exporter.get_finished_spans() if span.context
    }


def test_what_the_publisher_did_not_sample_is_not_exported() -> None:
    """The decision is made once, at the head of a trace."""
    unsampled = replace(WORK.identity, trace=TRACE._replace(flags=0))

    assert [] == spans(replace(DONE, work=WORK._replace(identity=unsampled)))


def test_what_is_skipped_has_no_span() -> None:
    """It is nobody's event here."""
    assert [] == spans(replace(TRACED, outcome="skipped"))


def test_a_collector_that_hangs_holds_up_no_stop() -> None:
    """Closing waits as long as it is told to."""

    class Hanging(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002
            time.sleep(3.0)
            return SpanExportResult.FAILURE

    async def close() -> float:
        traces = OtlpTraces(group="g", people_urls=PEOPLE, exporter=Hanging())
        traces.record(TRACED)
        began = time.monotonic()
        await traces.close(0.2)
        return time.monotonic() - began

    assert asyncio.run(close()) < 1.5


@pytest.mark.parametrize(("given", "expected"), [(None, "session-consumer"), ("lms-sync", "lms-sync")])
def test_the_services_name_is_the_operators_to_choose(
    given: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By OpenTelemetry's own variable."""
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    if given:
        monkeypatch.setenv("OTEL_SERVICE_NAME", given)

    resource = spans(TRACED)[-1].resource
    assert expected == resource.attributes["service.name"]


def test_without_export_an_events_own_trace_is_named() -> None:
    """And none is made up."""
    assert ("ab" * 16, None) == (NoTraces().record(TRACED), NoTraces().record(DONE))


def test_with_opentelemetry_switched_off_an_events_own_trace_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By its own variable: no id is made up, of zeros least of all."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    async def record(done: Done) -> str | None:
        traces = OtlpTraces(group="g", people_urls=PEOPLE, exporter=InMemorySpanExporter())
        trace_id = traces.record(done)
        await traces.close(5.0)
        return trace_id

    assert ("ab" * 16, None) == (asyncio.run(record(TRACED)), asyncio.run(record(DONE)))
