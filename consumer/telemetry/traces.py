"""Traces: where the spans of events go, if anywhere."""

import os
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from consumer.delivery.done import Done

MAX_NAMES: Final = 20


class TracesError(Exception):
    """OpenTelemetry can't be set up with these of its variables."""

    def __init__(self, variables: Sequence[str]) -> None:
        self.variables = tuple(variables)
        super().__init__(
            "CONSUMER_TRACES is otlp, and one of these has a value that OpenTelemetry doesn't take: "
            f"{', '.join(self.variables[:MAX_NAMES]) or 'OTEL_…'}. Limits, sizes, delays and time-outs are "
            "whole numbers above 0; OTEL_BSP_MAX_QUEUE_SIZE is at least OTEL_BSP_MAX_EXPORT_BATCH_SIZE (512)."
        )


class Traces(Protocol):
    """Takes what is done, and makes spans of it."""

    def record(self, done: Done) -> str | None:
        """Make its spans; the id of their trace, or None where there is none. Never waits."""
        ...

    async def close(self, seconds: float) -> None:
        """Hand over what is left, for at most so long."""
        ...


class NoTraces:
    """`CONSUMER_TRACES=off`: an event's own trace is named all the same."""

    def record(self, done: Done) -> str | None:
        """The trace that the event came with."""
        trace = done.work.identity.trace
        return None if trace is None else trace.trace_id

    async def close(self, seconds: float) -> None:
        """Nothing is left."""


def open_traces(kind: str, *, group: str, people_urls: Mapping[str, str]) -> Traces:
    """The setting's: `off` or `otlp`. `people_urls`: where Zoho is, by the account's name."""
    if kind == "off":
        return NoTraces()
    try:
        # The extra `otel`: nothing of it is imported where it isn't asked for. It reads variables as it is.
        from consumer.telemetry.otlp import OtlpTraces  # noqa: PLC0415

        return OtlpTraces(group=group, people_urls=people_urls)
    except (ValueError, TypeError):
        # Its words quote values, which may be keys.
        raise TracesError(sorted(name for name in os.environ if name.startswith("OTEL_"))) from None
