"""Each alert by promtool: when it fires, and that what only looks like it does not."""

from pathlib import Path

import pytest
import yaml

from helm.generate import RULES
from tests.alerts.cases import CASES, IDLE, P
from tests.alerts.promtool import ACCOUNT, fires, other_release, promtool, replica, standby

pytestmark = pytest.mark.usefixtures("prometheus_tools")


@pytest.mark.parametrize("name", CASES)
def test_what_fires_when(name: str, tmp_path: Path) -> None:
    """Exactly these alerts, and no others, at each of the times."""
    case = CASES[name]
    at = {time: [P + alert for alert in alerts] for time, alerts in case.at.items()}

    assert fires(RULES, case.scene, at, tmp_path) == ""


def test_releases_with_one_name_of_an_account_are_told_apart(tmp_path: Path) -> None:
    """Two releases in a namespace, each with its `academy`: one fails, the other has no owner."""
    failing = replica(
        "a", "auth_failed", quota_free_slots="0x200", dead_letters={"event_invalid": "0x9 1x190"}
    )
    scene = failing | IDLE | other_release(standby("c") | standby("d"))
    expected = [
        f"{P}AuthFailed training training/consumer academy",
        f"{P}DeadLettersOfPublisher training training/consumer academy",
        f"{P}NoOwner training training/second academy",
    ]

    assert (
        fires(RULES, scene, {"30m": expected}, tmp_path, ("alertname", "namespace", "job", "account")) == ""
    )


def test_promtool_finds_nothing_wrong() -> None:
    """`promtool check rules`, its linter's findings counted as errors."""
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES)) == ""


def test_the_texts_say_who_and_when(tmp_path: Path) -> None:
    """Templates are filled in: the account, a time of day, the class and its page."""
    rules = {
        rule["alert"]: rule
        for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }

    def expected(alert: str, **texts: str) -> dict[str, object]:
        rule = rules[P + alert]
        fixed = {key: text for key, text in rule["annotations"].items() if "{{" not in text}
        labels = ACCOUNT | rule["labels"]
        if alert.startswith("DeadLetters"):
            labels["error_class"] = "event_invalid"
        return {
            "eval_time": "30m",
            "alertname": P + alert,
            "exp_alerts": [{"exp_labels": labels, "exp_annotations": fixed | texts}],
        }

    scene = replica(
        "a",
        "running",
        quota_runs_out_timestamp_seconds="20000x60",
        dead_letters={"event_invalid": "0x9 1x60"},
    )
    test = {
        "rule_files": [str(RULES)],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": key, "values": text} for key, text in scene.series.items()],
                "alert_rule_test": [
                    expected(
                        "DayQuotaRunsOut",
                        summary="Account academy: today's calls run out at 1970-01-01 05:33:20 +0000 UTC.",
                    ),
                    expected(
                        "DeadLettersOfPublisher",
                        summary="Account academy: 1 events of the last hour became dead letters, "
                        "class event_invalid.",
                        action="`session-consumer dlq stats` says how many are open and what to do next, "
                        "`session-consumer dlq list --class event_invalid` which.",
                        runbook_url="docs/runbook/event-invalid.md",
                    ),
                ],
            }
        ],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test, sort_keys=False), encoding="utf-8")

    assert promtool("test", "rules", str(path)) == ""
