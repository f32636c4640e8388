"""Spans for an OpenTelemetry collector, over OTLP/HTTP.

They are made when an event is done, with the times of then: nothing of them waits in memory beside an
event, for hours maybe, and a process that dies leaves no half of a trace. Names and attributes are those
of OpenTelemetry's semantic conventions for messaging, Kafka, CloudEvents and HTTP clients; ids and
numbers alone, no content: of the URL, `sessionData` is left out as they advise.
"""

import asyncio
import threading
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from consumer import __version__
from consumer.delivery.done import CallMade, Done
from consumer.events.trace_context import TraceContext
from consumer.telemetry.collector import CollectorExporter
from schemas.event import EVENT_TYPE, SPEC_VERSION

Attributes = dict[str, AttributeValue]

TEMPLATE: Final = "/api/v1/courses/{courseId}/batches/{batchId}/modules/{moduleId}/sessions/{sessionId}"
_FIRST_ERROR_STATUS: Final = 400


class OtlpTraces:
    """Implements `Traces`. Endpoint, headers, sampler and service name are OpenTelemetry's own variables.

    Spans wait in a bounded queue for a thread that exports them; where it is full, the newest are lost,
    and nothing else. `exporter`: another than OTLP's, for tests.
    """

    def __init__(
        self, *, group: str, people_urls: Mapping[str, str], exporter: SpanExporter | None = None
    ) -> None:
        named = Resource.create()  # by OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
        ours = {SERVICE_VERSION: __version__}
        if str(named.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            ours[SERVICE_NAME] = "session-consumer"
        # Closed by us: at the interpreter's exit it would wait as long as it likes.
        self._provider = TracerProvider(resource=named.merge(Resource(ours)), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or CollectorExporter()))
        self._tracer = self._provider.get_tracer("session-consumer", __version__)
        self._group = group
        self._people = {name: urlsplit(url) for name, url in people_urls.items()}

    def record(self, done: Done) -> str | None:
        """See `Traces`."""
        if done.outcome == "skipped":
            return None
        work = done.work
        parent = _parent(work.identity.trace)
        span = self._tracer.start_span(
            f"process {done.record.topic}",
            None if parent is None else set_span_in_context(parent),
            SpanKind.CONSUMER,
            self._message(done),
            start_time=_nanoseconds(work.received_at),
        )
        untold = work.calls - len(work.last_calls)
        for number, call in enumerate(work.last_calls, untold):
            self._call(span, done, call, number)
        if done.error_class is not None:
            span.set_status(Status(StatusCode.ERROR, str(done.error_class)))
        span.end(_nanoseconds(done.at))
        context = span.get_span_context()
        if context.is_valid:
            return f"{context.trace_id:032x}"
        return None if work.identity.trace is None else work.identity.trace.trace_id  # OTEL_SDK_DISABLED

    async def close(self, seconds: float) -> None:
        """See `Traces`."""
        loop = asyncio.get_running_loop()
        closed = asyncio.Event()

        def close() -> None:
            self._provider.shutdown()
            if not loop.is_closed():
                loop.call_soon_threadsafe(closed.set)

        # A thread that nobody waits for longer than this: an executor's would hold up the exit.
        threading.Thread(target=close, name="traces", daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                await closed.wait()
        except TimeoutError:
            pass

    def _message(self, done: Done) -> Attributes:
        identity, record = done.work.identity, done.record
        found: dict[str, AttributeValue | None] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": str(record.partition),
            "messaging.kafka.offset": record.offset,
            "messaging.consumer.group.name": self._group,
            "messaging.message.id": identity.id,
            "cloudevents.event_id": identity.id,
            "cloudevents.event_source": identity.source,
            "cloudevents.event_type": EVENT_TYPE if identity.id else None,
            "cloudevents.event_spec_version": SPEC_VERSION if identity.id else None,
            "error.type": None if done.error_class is None else str(done.error_class),
            "session_consumer.account": done.account,
            "session_consumer.outcome": str(done.outcome),
            "session_consumer.session": None if identity.session is None else str(identity.session),
            "session_consumer.dead_letter_id": done.dead_letter_id,
            "session_consumer.replay.run_id": None if done.replay is None else done.replay.run_id,
            "session_consumer.superseded_by": None if done.by is None else done.by.id,
            "session_consumer.calls": done.work.calls,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _call(self, parent: Span, done: Done, call: CallMade, number: int) -> None:
        people = self._people[done.account]
        template = people.path + TEMPLATE
        attributes: Attributes = {
            "http.request.method": "PATCH",
            "server.address": people.hostname or "",
            "server.port": people.port or (443 if people.scheme == "https" else 80),
            "url.template": template,
            "session_consumer.verdict": call.verdict,
        }
        session = done.work.identity.session
        if session is not None:
            path = TEMPLATE.format(
                courseId=session.course_id,
                batchId=session.batch_id,
                moduleId=session.module_id,
                sessionId=session.session_id,
            )
            attributes["url.full"] = f"{people.scheme}://{people.netloc}{people.path}{path}"
        if number:
            attributes["http.request.resend_count"] = number
        failed = call.http_status is None or call.http_status >= _FIRST_ERROR_STATUS
        if call.http_status is not None:
            attributes["http.response.status_code"] = call.http_status
        if failed or call.verdict != "applied":
            attributes["error.type"] = str(call.http_status) if failed and call.http_status else call.verdict
        span = self._tracer.start_span(
            f"PATCH {template}",
            set_span_in_context(parent),
            SpanKind.CLIENT,
            attributes,
            start_time=_nanoseconds(call.started_at),
        )
        if "error.type" in attributes:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(call.ended_at))


def _parent(trace: TraceContext | None) -> Span | None:
    if trace is None:
        return None
    state = None if trace.state is None else TraceState.from_header([trace.state])
    return NonRecordingSpan(
        SpanContext(
            trace_id=int(trace.trace_id, 16),
            span_id=int(trace.parent_id, 16),
            is_remote=True,
            trace_flags=TraceFlags(trace.flags),
            trace_state=state,
        )
    )


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
