"""Rules under promtool: series as a replica exports them, minute by minute, and the alerts that fire then."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from consumer.telemetry.names import ERROR_CLASSES, OTHER, OUTCOMES, PREFIX, STATES
from helm.toolbox import PROMETHEUS_TOOLS

_MINUTES = 201
ACCOUNT = {"namespace": "training", "job": "training/consumer", "account": "academy"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Series of one account, in promtool's notation, a sample a minute."""

    series: Mapping[str, str] = field(default_factory=dict)

    def __or__(self, other: "Scene") -> "Scene":
        """Both; where both have a series, the other's."""
        return Scene({**self.series, **other.series})


def replica(
    pod: str,
    states: str | Mapping[str, str],
    *,
    dead_letters: Mapping[str, str] | None = None,
    applied: str = "0+10x200",
    **gauges: str,
) -> Scene:
    """A replica's series. `states`: one state all the time, or each one's samples; the others are 0.

    `gauges`: by their names without prefix. Without more it is idle, and has called ten times a minute.
    """
    known = {states: "1x200"} if isinstance(states, str) else states
    letters = dead_letters or {}
    plain = {
        "quota_free_slots": "30x200",
        "quota_share": "1x200",
        "backlog_events": "0x200",
        "drain_eta_seconds": "0x200",
        "oldest_event_age_seconds": "0x200",
        "locks_total": "0x200",
    } | gauges
    done = {"applied": applied, "dead_lettered": "0x200"}
    process = {"up": "1x200", "process_start_time_seconds": "0x200", f"{PREFIX}build_info": "1x200"}
    return Scene(
        {_series(name, pod): samples for name, samples in process.items()}
        | {
            _name(name, pod): samples
            for name, samples in plain.items()
            if not name.startswith(("lag", "zoho"))
        }
        | {_name("account_state", pod, state=state): known.get(state, "0x200") for state in STATES}
        | {_name("lag_records", pod, topic="sessions"): plain.get("lag_records", "0x200")}
        | {_name("zoho_requests_total", pod, verdict="applied"): plain.get("zoho_requests_total", "0+10x200")}
        | {
            _name("dead_letters_total", pod, error_class=str(each)): letters.get(each, "0x200")
            for each in (*ERROR_CLASSES, OTHER)
        }
        | {_name("events_total", pod, outcome=each): done.get(each, "0x200") for each in OUTCOMES}
    )


def standby(pod: str) -> Scene:
    """One that stands by, and still shows what it last knew as an owner."""
    return replica(
        pod, "standby", applied="0x200", zoho_requests_total="0x200", backlog_events="0x200",
        quota_share="0.5x200", lag_records="99999x200", quota_free_slots="0x200",
        quota_runs_out_timestamp_seconds="99999999x200",
    )  # fmt: skip


def gone(scene: Scene, minute: int) -> Scene:
    """The scene until that minute; then its target is no more."""
    return Scene({key: f"{' '.join(_expanded(text)[:minute])} stale" for key, text in scene.series.items()})


def chosen(scene: Scene) -> Scene:
    """The scene as the chart's PodMonitor has it: each of its series says whose target it is."""
    return Scene({key.replace("{", '{app="session-consumer", '): text for key, text in scene.series.items()})


def comes(scene: Scene, minute: int) -> Scene:
    """The scene of a replica whose target is new then, and whose process starts then."""
    alive = range(minute, _MINUTES)
    series = lives(scene, alive).series
    return Scene({key: " ".join(["_"] * minute + text.split()[minute:]) for key, text in series.items()})


def moved(scene: Scene, address: str) -> Scene:
    """The scene of a replica that got the address which another one had."""
    return Scene(
        {
            re.sub(r'instance="[^"]*"', f'instance="{address}:8080"', key): text
            for key, text in scene.series.items()
        }
    )


def neighbour(name: str, up: str) -> Scene:
    """Another program that the same job scrapes."""
    return Scene({_series("up", name): up})


def lives(scene: Scene, *alive: range) -> Scene:
    """The scene of one replica whose process runs in these minutes alone: between them it does not answer."""

    def samples(key: str, text: str) -> str:
        if key.startswith("up{"):
            return " ".join("1" if _in(alive, at) else "0" for at in range(_MINUTES))
        if key.startswith("process_start_time_seconds{"):
            expanded = [
                str(60 * max((life.start for life in alive if at in life), default=0))
                for at in range(_MINUTES)
            ]
        else:
            expanded = _expanded(text)
        # What a failed scrape leaves: a marker that ends the series, then nothing.
        return " ".join(
            each if _in(alive, at) else "stale" if _in(alive, at - 1) else "_"
            for at, each in enumerate(expanded)
        )

    return Scene({key: samples(key, text) for key, text in scene.series.items()})


def other_release(scene: Scene) -> Scene:
    """The same account's name in a second release: another job in the same namespace."""
    job = f'job="{ACCOUNT["job"]}"'
    return Scene({key.replace(job, 'job="training/second"'): text for key, text in scene.series.items()})


def values(scene: Scene, expression: str, at: str, samples: Mapping[str, float], directory: Path) -> str:
    """What promtool finds wrong, empty where nothing is: then the expression has exactly these samples."""
    test = {
        "expr": expression,
        "eval_time": at,
        "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
    }
    return _tested(scene, {}, [test], directory)


def fires(
    rules: Path,
    scene: Scene,
    at: Mapping[str, Iterable[str]],
    directory: Path,
    by: tuple[str, ...] = ("alertname", "error_class"),
) -> str:
    """What promtool finds wrong, empty where nothing is: at each time exactly these alerts fire.

    An alert is its values of the labels `by`, without those that it lacks at the end.
    """
    tests = [
        {
            "expr": f'max by ({", ".join(by)}) (ALERTS{{alertstate="firing"}})',
            "eval_time": time,
            "exp_samples": [_sample(by, alert) for alert in alerts],
        }
        for time, alerts in at.items()
    ]
    groups = yaml.safe_load(rules.read_text(encoding="utf-8"))["groups"]
    head = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        # Without it each run has an order of its own, and a group may see what another recorded a minute ago.
        "group_eval_order": [group["name"] for group in groups],
    }
    return _tested(scene, head, tests, directory)


def _tested(scene: Scene, head: Mapping[str, Any], tests: list[dict[str, Any]], directory: Path) -> str:
    series = [{"series": key, "values": text} for key, text in scene.series.items()]
    test = {**head, "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}]}
    path = directory / "test.yaml"
    path.write_text(yaml.safe_dump(test, sort_keys=False), encoding="utf-8")
    return promtool("test", "rules", str(path))


def promtool(*words: str) -> str:
    """Run it: what it said, empty where it is content."""
    command = [str(PROMETHEUS_TOOLS.tool("promtool")), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def _name(name: str, pod: str, **labels: str) -> str:
    return _series(PREFIX + name, pod, account=ACCOUNT["account"], **labels)


def _series(name: str, pod: str, **labels: str) -> str:
    target = {"namespace": ACCOUNT["namespace"], "job": ACCOUNT["job"], "instance": f"{pod}:8080", "pod": pod}
    labelled = ", ".join(f'{key}="{value}"' for key, value in (target | labels).items())
    return f"{name}{{{labelled}}}"


def _in(alive: tuple[range, ...], minute: int) -> bool:
    return any(minute in life for life in alive)


def _expanded(text: str) -> list[str]:
    """promtool's notation, a text a minute: `0+2x2 _x2` is 0 2 4 _ _."""
    found = list[str]()
    for each in text.split():
        if not (parts := re.fullmatch(r"(_|[\d.]+)(?:([+-][\d.]+))?x(\d+)", each)):
            found.append(each)
        elif parts[1] == "_":
            found += ["_"] * int(parts[3])
        else:
            found += [f"{float(parts[1]) + at * float(parts[2] or 0):g}" for at in range(int(parts[3]) + 1)]
    return (found + ["_"] * _MINUTES)[:_MINUTES]


def _sample(by: tuple[str, ...], alert: str) -> dict[str, Any]:
    labelled = ", ".join(f'{key}="{value}"' for key, value in zip(by, alert.split(), strict=False))
    return {"labels": f"{{{labelled}}}", "value": 1}
