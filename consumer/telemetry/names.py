"""The metrics by name (contract, section 10), with what they mean; documented from here."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from consumer.delivery.gate import AccountState
from consumer.delivery.verdicts import Verdict
from schemas.error_class import ErrorClass

PREFIX = "session_consumer_"

# What counts where a value is not in the table: of another release, or forgotten here.
OTHER = "other"
OUTCOMES = ("applied", "superseded", "stale", "duplicate", "dead_lettered", "skipped")
ERROR_CLASSES = tuple(ErrorClass)
STATES = tuple(AccountState)
MINT_RESULTS = ("minted", "refused", "throttled", "failed")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


VERDICTS = tuple(_snake(verdict.__name__) for verdict in get_args(Verdict))


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """One metric. `name` is without the prefix, as it is scraped; `labels` without `account`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    buckets: tuple[float, ...] = ()
    per_account: bool = True

    @property
    def full_name(self) -> str:
        """As it is scraped."""
        return PREFIX + self.name

    @property
    def label_names(self) -> tuple[str, ...]:
        """`account` first."""
        own = tuple(label for label, _ in self.labels)
        return ("account", *own) if self.per_account else own


# A call takes tens of milliseconds as a rule, and CONSUMER_ZOHO_TIMEOUT_SECONDS at most.
_CALL_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)
# None, a part of a window, or several windows where a burst waits its turn.
_WAIT_BUCKETS = (0.001, 0.01, 0.1, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
# From the idle system's milliseconds over a lock (300 s) to a day's quota used up.
_APPLIED_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)

METRIC_TABLE: tuple[MetricInfo, ...] = (
    MetricInfo(
        "events_total",
        "counter",
        "Records that are done, by what became of them.",
        (("outcome", (*OUTCOMES, OTHER)),),
    ),
    MetricInfo(
        "dead_letters_total",
        "counter",
        "Dead letters that the broker acknowledged, by why.",
        (("error_class", (*ERROR_CLASSES, OTHER)),),
    ),
    MetricInfo(
        "zoho_requests_total",
        "counter",
        "Calls of Zoho's API that ended, by what their answer meant.",
        (("verdict", (*VERDICTS, OTHER)),),
    ),
    MetricInfo("zoho_request_duration_seconds", "histogram", "How long a call took.", buckets=_CALL_BUCKETS),
    MetricInfo(
        "quota_wait_seconds", "histogram", "How long a change waited for a free slot.", buckets=_WAIT_BUCKETS
    ),
    MetricInfo("quota_free_slots", "gauge", "Calls that could start now."),
    MetricInfo(
        "quota_left_today",
        "gauge",
        "Calls left of the day's quota, as Zoho last said. Absent until it has said so.",
    ),
    MetricInfo(
        "quota_share", "gauge", "Our share of the quota, 0 to 1: below 1 where others use the account too."
    ),
    MetricInfo(
        "quota_runs_out_timestamp_seconds",
        "gauge",
        "When the day's calls, less the reserve, will have run out at the pace of the last hour, in seconds "
        "since the epoch. Absent where that is not today.",
    ),
    MetricInfo("locks_total", "counter", "Locks of the API that Zoho answered with."),
    MetricInfo(
        "account_state", "gauge", "1 for the state the account is in, 0 for the others.", (("state", STATES),)
    ),
    MetricInfo("backlog_events", "gauge", "Events held in memory, replays among them."),
    MetricInfo("backlog_sessions", "gauge", "Sessions that those events belong to."),
    MetricInfo(
        "oldest_event_age_seconds",
        "gauge",
        "Age of the oldest event held that is no replay, by its `time`; 0 with none.",
    ),
    MetricInfo(
        "drain_eta_seconds", "gauge", "Seconds until the backlog is empty, at the quota's pace; 0 with none."
    ),
    MetricInfo(
        "lag_records", "gauge", "Records of the topic behind the committed position.", (("topic", ()),)
    ),
    MetricInfo(
        "event_to_applied_seconds",
        "histogram",
        "From an event's `time` until Zoho had it; replays left out.",
        buckets=_APPLIED_BUCKETS,
    ),
    MetricInfo(
        "token_mints_total",
        "counter",
        "Access tokens asked for, by how it ended.",
        (("result", (*MINT_RESULTS, OTHER)),),
    ),
    MetricInfo(
        "build_info",
        "gauge",
        "Always 1; the label says which release runs.",
        (("version", ()),),
        per_account=False,
    ),
)
