"""The Grafana dashboard as JSON: five questions, a row each. Plain dicts.

A panel is its title, queries and unit. It needs no recording rule, so that it also works where the alerts are
not installed.
"""

import json
from dataclasses import dataclass
from typing import Any

from consumer.runbook import ADVICE, PAGES
from consumer.telemetry.names import PREFIX, STATES
from schemas.error_class import ErrorClass

# Rules and dashboard name pages by their path in the repository; the chart puts the base before it.
RUNBOOK = "docs/runbook/README.md"
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_OWNER = f'on (namespace, job, account, instance) ({PREFIX}account_state{{state!="standby"}} == 1)'
_WIDTH, _HEIGHT = 24, 7


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and how its series are called; `may_be_empty`: where all is well it is."""

    expression: str
    legend: str
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `unit` is Grafana's name of it; `description` says what to make of it."""

    title: str
    kind: str
    unit: str
    description: str
    queries: tuple[Query, ...]
    width: int = 8


def _of(name: str, labels: str = "") -> str:
    return f'{PREFIX}{name}{{account=~"$account"{labels}}}'


def _owned(name: str, by: str = "account", how: str = "max") -> str:
    """A gauge as the owner shows it: standby replicas export it too."""
    return f"{how} by ({by}) ({_of(name)} and {_OWNER})"


def _per_minute(name: str, by: str, labels: str = "") -> str:
    return f"60 * sum by ({by}) (rate({_of(name, labels)}[$__rate_interval]))"


def _applied_quantile(quantile: float) -> Query:
    buckets = f"sum by (account, le) (rate({_of('event_to_applied_seconds_bucket')}[$__rate_interval]))"
    return Query(
        f"histogram_quantile({quantile:g}, {buckets})",
        f"{{{{account}}}} p{100 * quantile:g}",
        may_be_empty=True,
    )


def _letters(fault: str) -> Query:
    classes = "|".join(each for each, advice in ADVICE.items() if advice.fault == fault)
    letters = _of("dead_letters_total", f', error_class=~"{classes}"')
    return Query(f"sum by (account) (increase({letters}[24h]))", f"{{{{account}}}}: {fault}")


_ETA = _owned("drain_eta_seconds")
_STATE = " + on (account) ".join(
    f"({number} * max by (account) ({_of('account_state', f', state={json.dumps(str(state))}')}))"
    for number, state in enumerate(STATES, 1)
    if state != "standby"
)

ROWS: dict[str, tuple[Panel, ...]] = {
    "Are we current?": (
        Panel("Oldest event that waits", "stat", "s", "By its `time`; replays left out.",
              (Query(_owned("oldest_event_age_seconds"), "{{account}}"),)),
        Panel("Waiting in Kafka", "timeseries", "short", "Records behind the committed position.",
              (Query(_owned("lag_records", "account, topic"), "{{account}} {{topic}}"),)),
        Panel("From an event's time until Zoho had it", "timeseries", "s", "Replays left out.",
              (_applied_quantile(0.5), _applied_quantile(0.95))),
        Panel("Events done per minute", "timeseries", "short", "By what became of them.",
              (Query(_per_minute("events_total", "account, outcome"), "{{account}} {{outcome}}"),), 12),
        Panel("Events in memory", "timeseries", "short", "And the sessions they belong to: a call each.",
              (Query(_owned("backlog_events"), "{{account}} events"),
               Query(_owned("backlog_sessions"), "{{account}} sessions")), 12),
    ),
    "Are we allowed to call?": (
        Panel("State", "state-timeline", "none", "Standby where no replica owns the account.",
              (Query(_STATE, "{{account}}"),), 24),
        Panel("Free slots", "timeseries", "short", "Calls that could start now. 0 is a quota in full use.",
              (Query(_owned("quota_free_slots"), "{{account}}"),)),
        Panel("Our share of the quota", "timeseries", "percentunit", "Below 100 %: others use the account.",
              (Query(_owned("quota_share", how="min"), "{{account}}"),)),
        Panel("Locks in an hour", "timeseries", "short", "Each costs five minutes.",
              (Query(f"sum by (account) (increase({_of('locks_total')}[1h]))", "{{account}}"),)),
        Panel("Calls left today", "timeseries", "short", "As Zoho last said; empty until it has.",
              (Query(_owned("quota_left_today", how="min"), "{{account}}", may_be_empty=True),), 12),
        Panel("Wait for a slot", "timeseries", "s", "95 of 100 changes waited no longer.",
              (Query("histogram_quantile(0.95, sum by (account, le) "
                     f"(rate({_of('quota_wait_seconds_bucket')}[$__rate_interval])))",
                     "{{account}}", may_be_empty=True),), 12),
    ),
    "What fails?": (
        Panel("Dead letters in an hour", "timeseries", "short",
              "Written, not open: `session-consumer dlq stats` counts the open ones.",
              (Query(f"sum by (account, error_class) (increase({_of('dead_letters_total')}[1h]))",
                     "{{account}} {{error_class}}"),)),
        Panel("Calls per minute by answer", "timeseries", "short", "What Zoho's answers meant.",
              (Query(_per_minute("zoho_requests_total", "account, verdict"), "{{account}} {{verdict}}"),)),
        Panel("Access tokens in an hour", "timeseries", "short", "Zoho allows ten in ten minutes.",
              (Query(f"sum by (account, result) (increase({_of('token_mints_total')}[1h]))",
                     "{{account}} {{result}}"),)),
        Panel("How long a call takes", "timeseries", "s", "95 of 100 took no longer.",
              (Query("histogram_quantile(0.95, sum by (account, le) "
                     f"(rate({_of('zoho_request_duration_seconds_bucket')}[$__rate_interval])))",
                     "{{account}}", may_be_empty=True),), 12),
        Panel("Processes", "timeseries", "bytes", "Memory of each replica, by release.",
              (Query("process_resident_memory_bytes * on (namespace, job, instance) group_left (version) "
                     f"{PREFIX}build_info", "{{instance}} {{version}}"),), 12),
    ),
    "Whose fault?": (
        Panel("Dead letters of a day, by whose they usually are", "bargauge", "short",
              "Publisher: sends the events. Portal: courses, rights and plan in Zoho People. "
              "Zoho: its service, or the way to it.",
              tuple(_letters(fault) for fault in ("publisher", "portal", "Zoho")), 12),
        Panel("Alerts that fire", "table", "none",
              "Where the alerts are installed; the runbook says what to do.",
              (Query('sum by (account, alertname, severity, team, error_class) '
                     '(ALERTS{alertname=~"SessionConsumer.*", alertstate="firing", account=~"$account"})',
                     "", may_be_empty=True),), 12),
    ),
    "When will it be done?": (
        Panel("Backlog in memory", "stat", "s", "At the quota's pace, with a lock's rest.",
              (Query(_ETA, "{{account}}"),)),
        Panel("Done at", "stat", "dateTimeAsIso", "Now, where nothing waits.",
              (Query(f"1000 * (time() + {_ETA})", "{{account}}"),)),
        Panel("The day's calls run out at", "stat", "dateTimeAsIso", "Empty: not today.",
              (Query(f"1000 * {_owned('quota_runs_out_timestamp_seconds')}", "{{account}}",
                     may_be_empty=True),)),
        Panel("All that waits, at the last hour's pace", "timeseries", "s",
              "Kafka's part too. Nothing is shown while nothing is done.",
              (Query(f"{_owned('lag_records', how='sum')} / on (account) "
                     f"(sum by (account) (rate({_of('events_total')}[1h])) > 0)",
                     "{{account}}", may_be_empty=True),), 24),
    ),
}  # fmt: skip


def dashboard() -> str:
    """The file's text."""
    return json.dumps(_document(), indent=2, ensure_ascii=False) + "\n"


def queries() -> list[tuple[str, Query]]:
    """Each query with its panel's title."""
    return [(panel.title, query) for row in ROWS.values() for panel in row for query in panel.queries]


def _document() -> dict[str, Any]:
    return {
        "uid": "session-consumer",
        "title": "session-consumer",
        "tags": ["session-consumer"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"title": "Runbook", "type": "link", "url": RUNBOOK, "targetBlank": True}],
        "templating": {"list": [_DATASOURCE_VARIABLE, _ACCOUNT_VARIABLE]},
        "panels": _panels(),
    }


_DATASOURCE_VARIABLE = {
    "name": "datasource",
    "label": "Prometheus",
    "type": "datasource",
    "query": "prometheus",
}
_ACCOUNT_VARIABLE = {
    "name": "account",
    "label": "Account",
    "type": "query",
    "datasource": _DATASOURCE,
    "query": {"query": f"label_values({PREFIX}account_state, account)", "refId": "account"},
    "refresh": 2,
    "sort": 1,
    "multi": True,
    "includeAll": True,
    "allValue": ".*",
    "current": {"text": ["All"], "value": ["$__all"]},
}


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        place = {"x": 0, "y": y, "w": _WIDTH, "h": 1}
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        x, y = 0, y + 1
        for panel in row:
            if x + panel.width > _WIDTH:
                x, y = 0, y + _HEIGHT
            panels.append(_panel(panel, len(panels) + 1, x, y))
            x += panel.width
        y += _HEIGHT
    return panels


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    table = panel.kind == "table"
    targets = [
        {
            "refId": chr(ord("A") + at),
            "datasource": _DATASOURCE,
            "expr": query.expression,
            "legendFormat": query.legend or "__auto",
            "instant": table,
            "range": not table,
            **({"format": "table"} if table else {}),
        }
        for at, query in enumerate(panel.queries)
    ]
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "links": _links(panel)}
    if panel.unit == "dateTimeAsIso":
        del defaults["min"]
    if panel.kind == "state-timeline":
        defaults["mappings"] = [{"type": "value", "options": _state_names()}]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": _HEIGHT},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": targets,
    }


def _links(panel: Panel) -> list[dict[str, Any]]:
    """On the State panel each state's page, on the dead letters' each class's, else none."""
    names: tuple[str, ...] = ()
    if panel.title == "State":
        names = STATES
    elif panel.title.startswith("Dead letters"):
        names = tuple(ErrorClass)
    return [{"title": str(name), "url": PAGES[name], "targetBlank": True} for name in names]


def _state_names() -> dict[str, Any]:
    colours = {"running": "green", "standby": "text", "throttled": "yellow", "daily_quota": "yellow"}
    # 0: no replica shows any state but standby.
    numbered = {0: "standby"} | {n: str(s) for n, s in enumerate(STATES, 1) if s != "standby"}
    return {str(n): {"text": text, "color": colours.get(text, "red")} for n, text in numbered.items()}
