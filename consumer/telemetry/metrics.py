"""The metrics themselves, on a registry of their own, with every known series there from the start."""

from collections.abc import Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from consumer import __version__
from consumer.telemetry.names import METRIC_TABLE, OTHER, STATES, MetricInfo

METRICS_CONTENT_TYPE = CONTENT_TYPE_LATEST

_Metric = Counter | Gauge | Histogram


class Metrics:
    """All metrics of one process. A label value outside the table counts as `other`."""

    def __init__(self, version: str = __version__) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._metrics = {info.name: _declare(info, self._registry) for info in METRIC_TABLE}
        self._accounts: dict[str, AccountMetrics] = {}
        # Memory, open files and processor time of the process: `process_…`, from /proc.
        ProcessCollector(registry=self._registry)
        _gauge(self._metrics, "build_info").labels(version).set(1)

    def account(self, name: str) -> "AccountMetrics":
        """One account's metrics; always the same ones for a name."""
        if name not in self._accounts:
            self._accounts[name] = AccountMetrics(name, self._metrics)
        return self._accounts[name]

    def render(self) -> bytes:
        """The metrics as Prometheus text, of type `METRICS_CONTENT_TYPE`."""
        return generate_latest(self._registry)


class AccountMetrics:
    """One account's metrics, bound once, so that counting costs a microsecond.

    Implements `consumer.delivery.ports.Telemetry`.
    """

    def __init__(self, account: str, metrics: Mapping[str, _Metric]) -> None:
        self._events = _Counters(account, metrics, "events_total")
        self._dead_letters = _Counters(account, metrics, "dead_letters_total")
        self._calls = _Counters(account, metrics, "zoho_requests_total")
        self._mints = _Counters(account, metrics, "token_mints_total")
        self._locks = _counter(metrics, "locks_total").labels(account)
        self._call_seconds = _histogram(metrics, "zoho_request_duration_seconds").labels(account)
        self._wait_seconds = _histogram(metrics, "quota_wait_seconds").labels(account)
        self._applied_seconds = _histogram(metrics, "event_to_applied_seconds").labels(account)
        self._free_slots = _gauge(metrics, "quota_free_slots").labels(account)
        self._share = _gauge(metrics, "quota_share").labels(account)
        # There only while the day's calls will run out.
        self._runs_out_at = _gauge(metrics, "quota_runs_out_timestamp_seconds")
        self._runs_out_told = False
        self._backlog_events = _gauge(metrics, "backlog_events").labels(account)
        self._backlog_sessions = _gauge(metrics, "backlog_sessions").labels(account)
        self._oldest_age = _gauge(metrics, "oldest_event_age_seconds").labels(account)
        self._drain_eta = _gauge(metrics, "drain_eta_seconds").labels(account)
        states = _gauge(metrics, "account_state")
        self._states = {state: states.labels(account, state) for state in STATES}
        # Not bound: 0 before Zoho has said anything would read as "used up".
        self._left_today = _gauge(metrics, "quota_left_today")
        self._lag = _gauge(metrics, "lag_records")
        self._lag_topics: set[str] = set()
        self._account = account

    def event(self, outcome: str) -> None:
        """A record is done: `applied`, `superseded`, `stale`, `duplicate`, `dead_lettered`, `skipped`."""
        self._events.add(outcome)

    def dead_letter(self, error_class: str) -> None:
        """A dead letter was acknowledged."""
        self._dead_letters.add(error_class)

    def call(self, verdict: str, seconds: float) -> None:
        """A call to Zoho ended; `verdict` is the verdict's name in lower_snake_case."""
        self._calls.add(verdict)
        self._call_seconds.observe(seconds)

    def waited_for_slot(self, seconds: float) -> None:
        """A call started, after its change had waited so long for a free slot."""
        self._wait_seconds.observe(seconds)

    def applied_after(self, seconds: float) -> None:
        """An event was applied so long after its `time`; a clock that runs ahead counts as 0."""
        self._applied_seconds.observe(max(0.0, seconds))

    def locked(self) -> None:
        """Zoho locked the API."""
        self._locks.inc()

    def minted(self, result: str) -> None:
        """An access token was asked for: `minted`, `refused`, `throttled`, `failed`."""
        self._mints.add(result)

    def set_state(self, state: str) -> None:
        """The account is in this state of the contract's section 5, and in no other."""
        for name, gauge in self._states.items():
            gauge.set(1 if name == state else 0)

    def set_quota(
        self, *, free_slots: int, share: float, left_today: int | None, runs_out_at: float | None
    ) -> None:
        """Calls that could start now; our share of the quota; what Zoho last said is left of the day's
        (None: nothing yet); when it will have run out at the present pace (None: not today).
        """
        self._free_slots.set(free_slots)
        self._share.set(share)
        if runs_out_at is not None:
            self._runs_out_at.labels(self._account).set(runs_out_at)
        elif self._runs_out_told:
            self._runs_out_at.remove(self._account)
        self._runs_out_told = runs_out_at is not None
        if left_today is not None:
            self._left_today.labels(self._account).set(left_today)

    def set_backlog(
        self, *, events: int, sessions: int, oldest_event_age_seconds: float, drain_eta_seconds: float
    ) -> None:
        """What waits in memory; ages and times are 0 where nothing does."""
        self._backlog_events.set(events)
        self._backlog_sessions.set(sessions)
        self._oldest_age.set(max(0.0, oldest_event_age_seconds))
        self._drain_eta.set(drain_eta_seconds)

    def set_lag(self, records_by_topic: Mapping[str, int]) -> None:
        """Records behind the committed position, by topic; topics no longer named are taken away."""
        for topic in self._lag_topics - records_by_topic.keys():
            self._lag.remove(self._account, topic)
        for topic, records in records_by_topic.items():
            self._lag.labels(self._account, topic).set(records)
        self._lag_topics = set(records_by_topic)


class _Counters:
    """The counters of one metric by its one label, all at 0; a value outside the table counts as `other`."""

    def __init__(self, account: str, metrics: Mapping[str, _Metric], name: str) -> None:
        metric = _counter(metrics, name)
        ((_, values),) = next(info.labels for info in METRIC_TABLE if info.name == name)
        self._bound = {value: metric.labels(account, value) for value in values}

    def add(self, value: str) -> None:
        self._bound.get(value, self._bound[OTHER]).inc()


def _declare(info: MetricInfo, registry: CollectorRegistry) -> _Metric:
    if info.kind == "counter":
        return Counter(info.full_name, info.meaning, info.label_names, registry=registry)
    if info.kind == "gauge":
        return Gauge(info.full_name, info.meaning, info.label_names, registry=registry)
    return Histogram(info.full_name, info.meaning, info.label_names, registry=registry, buckets=info.buckets)


def _counter(metrics: Mapping[str, _Metric], name: str) -> Counter:
    metric = metrics[name]
    if not isinstance(metric, Counter):
        raise TypeError(f"{name} is not a counter")
    return metric


def _gauge(metrics: Mapping[str, _Metric], name: str) -> Gauge:
    metric = metrics[name]
    if not isinstance(metric, Gauge):
        raise TypeError(f"{name} is not a gauge")
    return metric


def _histogram(metrics: Mapping[str, _Metric], name: str) -> Histogram:
    metric = metrics[name]
    if not isinstance(metric, Histogram):
        raise TypeError(f"{name} is not a histogram")
    return metric
