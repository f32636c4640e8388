"""A collector of traces that is away, odd or hostile: bounded, told once, and nothing of it in the log."""

import gzip
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from consumer.telemetry import TracesError, open_traces
from consumer.telemetry.collector import MAX_ANSWER_BYTES, CollectorExporter
from tests.logs import everything_logged

Answer = Callable[[BaseHTTPRequestHandler], None]
KEY = "SUPERSECRET"


class Taken:
    """How much of an answer was taken before the other side had enough."""

    bytes = 0


@contextmanager
def collector(answer: Answer) -> Iterator[str]:
    """Its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer(self)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    """A whole answer."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def endless(taken: Taken, status: int) -> Answer:
    """It goes on until nobody listens, or for 256 MiB."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.end_headers()
        block = b"x" * MAX_ANSWER_BYTES
        try:
            while taken.bytes < 256 * 2**20:
                handler.wfile.write(block)
                taken.bytes += len(block)
        except OSError:
            return

    return answer


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with everything_logged() as stream:
        yield stream


def export(url: str, monkeypatch: pytest.MonkeyPatch, spans: int = 1) -> None:
    """One span after the other."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(CollectorExporter()))
    for _ in range(spans):
        provider.get_tracer("t").start_span("s").end()
    provider.shutdown()


def lines(said: io.StringIO) -> list[dict[str, Any]]:
    """What was logged, without the times."""
    found = [json.loads(line) for line in said.getvalue().splitlines()]
    return [
        {name: value for name, value in line.items() if name not in ("timestamp", "level")} for line in found
    ]


@pytest.mark.claim("S-58")
@pytest.mark.parametrize("status", [200, 400])
def test_an_endless_answer_is_read_no_further_than_it_needs(
    status: int, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the system's buffers apart."""
    taken = Taken()
    with collector(endless(taken, status)) as url:
        export(url, monkeypatch)

    assert taken.bytes < 32 * 2**20
    assert (status == 400) == bool(lines(said))


@pytest.mark.claim("S-58")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says(401, b"<b>no</b>" + KEY.encode()), "HTTP 401"),
        (says(400, gzip.compress(b"x" * 2**24), Content_Encoding="gzip"), "HTTP 400"),
        (says(307, Location="http://169.254.169.254/"), "HTTP 307"),
    ],
)
def test_a_collector_that_does_not_take_them_is_told_once(
    answer: Answer, reason: str, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the status, not with what it says; redirects are not followed."""
    with collector(answer) as url:
        export(url, monkeypatch, spans=3)

    assert [
        {"event": "traces don't reach the collector", "reason": reason},
        {"event": "traces did not reach the collector", "spans_lost": 3},
    ] == lines(said)


def test_that_they_get_through_again_is_told_too(said: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how many were lost."""
    answers = iter([says(400), says(400), says(200)])

    def in_turn(handler: BaseHTTPRequestHandler) -> None:
        next(answers)(handler)

    with collector(in_turn) as url:
        export(url, monkeypatch, spans=3)

    assert {"event": "traces reach the collector again", "spans_lost": 2} == lines(said)[-1]


@pytest.mark.claim("S-58")
def test_no_proxy_of_the_environment_is_used(said: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans go where they are sent to."""
    seen: list[str] = []

    def proxy(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.path)
        says(200)(handler)

    with collector(proxy) as proxy_url, collector(says(200)) as url:
        monkeypatch.setenv("HTTP_PROXY", proxy_url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        export(url, monkeypatch)

    assert ([], []) == (seen, lines(said))


@pytest.mark.claim("S-59")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", f"api-key:{KEY}"),
        ("OTEL_EXPORTER_OTLP_HEADERS", f'api-key="{KEY}'),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", f"user:{KEY}@collector:4318"),
        ("OTEL_RESOURCE_ATTRIBUTES", KEY),
        ("OTEL_TRACES_SAMPLER", KEY),
    ],
)
def test_what_is_wrong_with_a_variable_is_not_quoted(
    variable: str, value: str, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTelemetry's libraries do quote it."""
    with collector(says(200)) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv(variable, value)
        export(value if variable.endswith("ENDPOINT") else url, monkeypatch)

    assert KEY not in said.getvalue()


@pytest.mark.claim("S-59")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", KEY),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", KEY),
    ],
)
def test_a_variable_that_opentelemetry_refuses_is_named_and_not_quoted(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends `run` as any wrong setting does."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(TracesError) as refused:
        open_traces("otlp", group="g", people_urls={})

    assert variable in str(refused.value)
    assert KEY not in str(refused.value)
