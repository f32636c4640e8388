"""Rules under promtool: series as a replica exports them, minute by minute, and the alerts that fire then."""

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from consumer.telemetry.names import ERROR_CLASSES, OUTCOMES, PREFIX, STATES
from helm.toolbox import PROMETHEUS_TOOLS

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
    return Scene(
        {_name(name, pod): samples for name, samples in plain.items() if not name.startswith(("lag", "zoho"))}
        | {_name("account_state", pod, state=state): known.get(state, "0x200") for state in STATES}
        | {_name("lag_records", pod, topic="sessions"): plain.get("lag_records", "0x200")}
        | {_name("zoho_requests_total", pod, verdict="applied"): plain.get("zoho_requests_total", "0+10x200")}
        | {
            _name("dead_letters_total", pod, error_class=str(each)): letters.get(each, "0x200")
            for each in ERROR_CLASSES
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


def fires(rules: Path, scene: Scene, at: Mapping[str, Iterable[str]], directory: Path) -> str:
    """What promtool finds wrong, empty where nothing is: at each time exactly these alerts fire.

    An alert is its name, or `name error_class`.
    """
    test = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": key, "values": text} for key, text in scene.series.items()],
                "promql_expr_test": [
                    {
                        "expr": 'max by (alertname, error_class) (ALERTS{alertstate="firing"})',
                        "eval_time": time,
                        "exp_samples": [_sample(alert) for alert in alerts],
                    }
                    for time, alerts in at.items()
                ],
            }
        ],
    }
    path = directory / "test.yaml"
    path.write_text(yaml.safe_dump(test, sort_keys=False), encoding="utf-8")
    return promtool("test", "rules", str(path))


def promtool(*words: str) -> str:
    """Run it: what it said, empty where it is content."""
    command = [str(PROMETHEUS_TOOLS.tool("promtool")), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def _name(name: str, pod: str, **labels: str) -> str:
    wanted = ACCOUNT | {"instance": f"{pod}:8080", "pod": pod} | labels
    labelled = ", ".join(f'{key}="{value}"' for key, value in wanted.items())
    return f"{PREFIX}{name}{{{labelled}}}"


def _sample(alert: str) -> dict[str, Any]:
    name, _, error_class = alert.partition(" ")
    classed = f', error_class="{error_class}"' if error_class else ""
    return {"labels": f'{{alertname="{name}"{classed}}}', "value": 1}
