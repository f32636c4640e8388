"""Logs, metrics and traces: every name that leaves the process is declared here."""

from consumer.telemetry.event_lines import write_event_line
from consumer.telemetry.logs import configure_logging, unlogged
from consumer.telemetry.metrics import METRICS_CONTENT_TYPE, AccountMetrics, Metrics
from consumer.telemetry.names import METRIC_TABLE, MetricInfo
from consumer.telemetry.traces import Traces, TracesError, open_traces

__all__ = [
    "METRICS_CONTENT_TYPE",
    "METRIC_TABLE",
    "AccountMetrics",
    "MetricInfo",
    "Metrics",
    "Traces",
    "TracesError",
    "configure_logging",
    "open_traces",
    "unlogged",
    "write_event_line",
]
