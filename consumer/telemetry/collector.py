"""The way to the collector of traces: OpenTelemetry's exporter, with bounds, and with words of our own.

Its libraries' own log lines are kept out (see `logs`): they quote what is wrong, which may be a key in a
header, or an event's `tracestate`.
"""

from collections.abc import Sequence
from typing import Any, Final

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

# A collector answers in some bytes.
MAX_ANSWER_BYTES: Final = 64 * 1024
_OK: Final = range(200, 300)

log = structlog.get_logger(__name__)


class CollectorExporter(SpanExporter):
    """Says once that spans don't get through, and why, and once that they do again."""

    def __init__(self) -> None:
        self._session = _BoundedSession()
        self._exporter = OTLPSpanExporter(session=self._session)
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them; what can't be sent within the exporter's own time-out is lost."""
        result = self._exporter.export(spans)
        status = self._session.status
        # A redirect is no failure to the exporter, and isn't followed.
        if result is SpanExportResult.SUCCESS and status in _OK:
            if self._lost:
                log.warning("traces reach the collector again", spans_lost=self._lost)
            self._lost = 0
            return result
        if not self._lost:
            log.warning("traces don't reach the collector", reason=self._session.reason)
        self._lost += len(spans)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """No more."""
        if self._lost:
            log.warning("traces did not reach the collector", spans_lost=self._lost)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


class _BoundedSession(requests.Session):
    """Reads no more of an answer than it needs; takes no proxy, login or redirect from anywhere.

    `status`: of the last answer, None without one; `reason`: in words, without what the answer says.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.status: int | None = None
        self.reason = ""

    def request(self, *args: Any, **options: Any) -> requests.Response:
        self.status, self.reason = None, "no answer"
        try:
            response = super().request(*args, **options | {"stream": True, "allow_redirects": False})
            # As it came: unpacked, it could be of any size.
            response._content = response.raw.read(MAX_ANSWER_BYTES, decode_content=False)
            response.close()
        except Exception as exc:
            self.reason = type(exc).__name__
            raise
        self.status, self.reason = response.status_code, f"HTTP {response.status_code}"
        return response
