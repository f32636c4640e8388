"""Logs and metrics: every name that leaves the process is declared here."""

from consumer.telemetry.logs import configure_logging, unlogged
from consumer.telemetry.metrics import METRICS_CONTENT_TYPE, AccountMetrics, Metrics
from consumer.telemetry.names import METRIC_TABLE, MetricInfo

__all__ = [
    "METRICS_CONTENT_TYPE",
    "METRIC_TABLE",
    "AccountMetrics",
    "MetricInfo",
    "Metrics",
    "configure_logging",
    "unlogged",
]
