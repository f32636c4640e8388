"""The Grafana dashboard as JSON: five questions, a row each. Plain dicts.

A panel is its title, queries and unit. It needs no recording rule, so that it also works where the alerts are
not installed.
"""

import json
from dataclasses import dataclass
from typing import Any

from consumer.runbook import ADVICE, PAGES
from consumer.telemetry.names import OTHER, PREFIX, STATES
from schemas.error_class import ErrorClass

# Rules and dashboard name pages by their path in the repository; the chart puts the base before it.
RUNBOOK = "docs/runbook/README.md"
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# One account: releases may have accounts of the same name.
_BY = "namespace, job, account"
_SHOWN = 'namespace=~"$namespace", job=~"$job"'
_OWNER = f'on ({_BY}, instance) ({PREFIX}account_state{{state!="standby"}} == 1)'
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
    return f'{PREFIX}{name}{{{_SHOWN}, account=~"$account"{labels}}}'


def _sum(of: str, *labels: str, how: str = "sum") -> str:
    """For each account, and each value of these labels."""
    return f"{how} by ({', '.join((_BY, *labels))}) ({of})"


def _legend(*labels: str, text: str = "") -> str:
    own = " ".join(f"{{{{{label}}}}}" for label in ("account", *labels))
    return f"{own}{text} · {{{{namespace}}}} {{{{job}}}}"


def _owned(name: str, *labels: str, how: str = "max") -> str:
    """A gauge as the owner shows it: standby replicas export it too."""
    return _sum(f"{_of(name)} and {_OWNER}", *labels, how=how)


def _gauge(name: str, *labels: str, how: str = "max", text: str = "", may_be_empty: bool = False) -> Query:
    return Query(_owned(name, *labels, how=how), _legend(*labels, text=text), may_be_empty)


def _per_minute(name: str, label: str) -> Query:
    return Query(f"60 * {_sum(f'rate({_of(name)}[$__rate_interval])', label)}", _legend(label))


def _counted(of: str, hours: int) -> str:
    """What was counted in the last hours, as the rules do it: what a process began with too."""
    started = f"last_over_time(process_start_time_seconds{{{_SHOWN}}}[{hours}h]) > time() - {hours * 3600}"
    life = f"last_over_time({of}[{hours}h]) and on (namespace, job, pod, instance) ({started})"
    return f'max without (of) (increase({of}[{hours}h]) or label_replace({life}, "of", "life", "", ""))'


def _in_an_hour(name: str, *labels: str) -> Query:
    return Query(_sum(_counted(_of(name), 1), *labels), _legend(*labels))


def _quantile(quantile: float, name: str, text: str = "") -> Query:
    buckets = _sum(f"rate({_of(name + '_bucket')}[$__rate_interval])", "le")
    return Query(f"histogram_quantile({quantile:g}, {buckets})", _legend(text=text), may_be_empty=True)


def _letters(fault: str) -> Query:
    classes = "|".join(each for each, advice in ADVICE.items() if advice.fault == fault) or OTHER
    letters = _of("dead_letters_total", f', error_class=~"{classes}"')
    return Query(_sum(_counted(letters, 24)), _legend(text=f": {fault}"))


_ETA = _owned("drain_eta_seconds")
# The number of the state, of two the higher: no sum, which would be a third one's.
_STATE = _sum(
    " or ".join(
        f"({number} * {_of('account_state', f', state={json.dumps(str(state))}')})"
        for number, state in enumerate(STATES, 1)
        if state != "standby"
    ),
    how="max",
)

ROWS: dict[str, tuple[Panel, ...]] = {
    "Are we current?": (
        Panel("Oldest event that waits", "stat", "s", "By its `time`; replays left out.",
              (_gauge("oldest_event_age_seconds"),)),
        Panel("Waiting in Kafka", "timeseries", "short", "Records behind the committed position.",
              (_gauge("lag_records", "topic"),)),
        Panel("From an event's time until Zoho had it", "timeseries", "s", "Replays left out.",
              (_quantile(0.5, "event_to_applied_seconds", " p50"),
               _quantile(0.95, "event_to_applied_seconds", " p95"))),
        Panel("Events done per minute", "timeseries", "short", "By what became of them.",
              (_per_minute("events_total", "outcome"),), 12),
        Panel("Events in memory", "timeseries", "short", "And the sessions they belong to: a call each.",
              (_gauge("backlog_events", text=" events"),
               _gauge("backlog_sessions", text=" sessions")), 12),
    ),
    "Are we allowed to call?": (
        Panel("State", "state-timeline", "none", "Standby where no replica owns the account.",
              (Query(_STATE, _legend()),), 24),
        Panel("Free slots", "timeseries", "short", "Calls that could start now. 0 is a quota in full use.",
              (_gauge("quota_free_slots"),)),
        Panel("Our share of the quota", "timeseries", "percentunit", "Below 100 %: others use the account.",
              (_gauge("quota_share", how="min"),)),
        Panel("Locks in an hour", "timeseries", "short", "Each costs five minutes.",
              (_in_an_hour("locks_total"),)),
        Panel("Calls left today", "timeseries", "short", "As Zoho last said; empty until it has.",
              (_gauge("quota_left_today", how="min", may_be_empty=True),), 12),
        Panel("Wait for a slot", "timeseries", "s", "95 of 100 changes waited no longer.",
              (_quantile(0.95, "quota_wait_seconds"),), 12),
    ),
    "What fails?": (
        Panel("Dead letters in an hour", "timeseries", "short",
              "Written, not open: `session-consumer dlq stats` counts the open ones.",
              (_in_an_hour("dead_letters_total", "error_class"),)),
        Panel("Calls per minute by answer", "timeseries", "short", "What Zoho's answers meant.",
              (_per_minute("zoho_requests_total", "verdict"),)),
        Panel("Access tokens in an hour", "timeseries", "short", "Zoho allows ten in ten minutes.",
              (_in_an_hour("token_mints_total", "result"),)),
        Panel("How long a call takes", "timeseries", "s", "95 of 100 took no longer.",
              (_quantile(0.95, "zoho_request_duration_seconds"),), 12),
        Panel("Processes", "timeseries", "bytes", "Memory of each replica, by release.",
              (Query("process_resident_memory_bytes * on (namespace, job, instance) group_left (version) "
                     f"{PREFIX}build_info{{{_SHOWN}}}",
                     "{{instance}} {{version}} · {{namespace}} {{job}}"),), 12),
    ),
    "Whose fault?": (
        Panel("Dead letters of a day, by whose they usually are", "bargauge", "short",
              "Publisher: sends the events. Portal: courses, rights and plan in Zoho People. "
              "Zoho: its service, or the way to it. Unknown: of a class that this release does not know.",
              tuple(_letters(fault) for fault in ("publisher", "portal", "Zoho", "unknown")), 12),
        Panel("Alerts that fire", "table", "none",
              "Where the alerts are installed; the runbook says what to do.",
              (Query(_sum('ALERTS{alertname=~"SessionConsumer.*", alertstate="firing", '
                          # Those of a replica have no account.
                          f'{_SHOWN}, account=~"$account|"}}',
                          "instance", "alertname", "severity", "team", "error_class"),
                     "", may_be_empty=True),), 12),
    ),
    "When will it be done?": (
        Panel("Backlog in memory", "stat", "s", "At the quota's pace, with a lock's rest.",
              (_gauge("drain_eta_seconds"),)),
        Panel("Done at", "stat", "dateTimeAsIso", "Now, where nothing waits.",
              (Query(f"1000 * (time() + {_ETA})", _legend()),)),
        Panel("The day's calls run out at", "stat", "dateTimeAsIso", "Empty: not today.",
              (Query(f"1000 * {_owned('quota_runs_out_timestamp_seconds')}", _legend(), may_be_empty=True),)),
        Panel("All that waits, at the last hour's pace", "timeseries", "s",
              "Kafka's part too. Empty while nothing is done; of few events the pace is theirs.",
              (Query(f"{_owned('lag_records', how='sum')} / on ({_BY}) "
                     f"({_sum('rate(' + _of('events_total') + '[1h])')} > 0)",
                     _legend(), may_be_empty=True),), 24),
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
        "templating": {"list": _variables()},
        "panels": _panels(),
    }


_DATASOURCE_VARIABLE = {
    "name": "datasource",
    "label": "Prometheus",
    "type": "datasource",
    "query": "prometheus",
}


def _variables() -> list[dict[str, Any]]:
    """Prometheus, then namespace, job and account, each among what those before it leave."""
    found: list[dict[str, Any]] = [_DATASOURCE_VARIABLE]
    above: list[str] = []
    for name in ("namespace", "job", "account"):
        series = f"{PREFIX}account_state{{{', '.join(above)}}}"
        found.append(
            {
                "name": name,
                "label": name.capitalize(),
                "type": "query",
                "datasource": _DATASOURCE,
                "query": {"query": f"label_values({series}, {name})", "refId": name},
                "refresh": 2,
                "sort": 1,
                "multi": True,
                "includeAll": True,
                # Matches what has no such label, too.
                "allValue": ".*",
                "current": {"text": ["All"], "value": ["$__all"]},
            }
        )
        above.append(f'{name}=~"${name}"')
    return found


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
