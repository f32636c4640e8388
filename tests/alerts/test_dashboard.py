"""The dashboard's JSON, and every query in it and in the rules: they name what /metrics has."""

import json
import re
from pathlib import Path

import pytest
import yaml

from consumer.runbook import ADVICE, PAGES
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.names import METRIC_TABLE, PREFIX, STATES
from helm.alerts_page import alerts
from helm.dashboard import ROWS, queries
from helm.generate import DASHBOARD, RULES
from tests.alerts.cases import CASES, P
from tests.alerts.promtool import comes, other_release, promtool, replica, standby, values

ROOT = RULES.parents[4]
RULES_TEXT = RULES.read_text(encoding="utf-8")
DOCUMENT = json.loads(DASHBOARD.read_text(encoding="utf-8"))
TARGETS = [target["expr"] for panel in DOCUMENT["panels"] for target in panel.get("targets", ())]
EXPRESSIONS = TARGETS + [
    rule["expr"] for group in yaml.safe_load(RULES_TEXT)["groups"] for rule in group["rules"]
]


def plain(expression: str, rate_interval: str = "5m") -> str:
    """As Grafana asks it while all is chosen."""
    return re.sub(r"\$(namespace|job|account)", ".*", expression).replace("$__rate_interval", rate_interval)


def names_in(expression: str) -> set[tuple[str, str]]:
    """Each of the consumer's metrics in it, with its label matchers."""
    return set(re.findall(rf"(?<![\w:])({PREFIX}\w+)(?:{{([^}}]*)}})?", expression))


def test_every_query_names_what_the_consumer_exports() -> None:
    """Metrics, histograms' parts, labels and their values, as a real /metrics has them."""
    metrics = Metrics()
    account = metrics.account("academy")
    account.set_quota(free_slots=1, share=1.0, left_today=1, runs_out_at=1.0)
    account.set_lag({"sessions": 0})
    exported = dict[str, dict[str, set[str]]]()
    for line in metrics.render().decode().splitlines():
        if found := re.match(r"(\w+)(?:{(.*)})? \S+$", line):
            labels = exported.setdefault(found[1], {})
            for label, value in re.findall(r'(\w+)="([^"]*)"', found[2] or ""):
                labels.setdefault(label, set()).add(value)

    wrong = []
    for expression in EXPRESSIONS:
        for name, matchers in names_in(expression):
            for label, _, matched in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', matchers):
                if label in {"namespace", "job"}:  # of the target, not of the consumer
                    continue
                known = exported.get(name, {}).get(label)
                wanted = () if label == "account" else set(matched.split("|"))
                if known is None or not known.issuperset(wanted):
                    wrong.append(f'{name}{{{label}="{matched}"}}')
            if name not in exported:
                wrong.append(name)

    assert wrong == []


def test_every_metric_is_of_use() -> None:
    """Nothing is exported that neither an alert nor a panel looks at."""
    used = {name for expression in EXPRESSIONS for name, _ in names_in(expression)}
    used = {re.sub(r"_bucket$", "", name) for name in used}

    assert {info.full_name for info in METRIC_TABLE} == used


def test_every_recorded_series_that_is_named_is_recorded() -> None:
    """An alert on a recording rule that does not exist would never fire."""
    named = {name for text in EXPRESSIONS for name in re.findall(r"\b(?:account|instance):\w+", text)}

    assert set(re.findall(r"- record: (\S+)", RULES_TEXT)) == named


@pytest.mark.usefixtures("prometheus_tools")
def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    """promtool reads each, as a rule's expression."""
    rules = [{"record": f"query:{at}", "expr": plain(each)} for at, each in enumerate(TARGETS)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")

    assert promtool("check", "rules", str(path)) == ""


def test_releases_are_told_apart() -> None:
    """Whatever is aggregated or matched, by whatever labels: namespace and job are among them."""
    grouped = [each for text in EXPRESSIONS for each in re.findall(r"\b(?:by|on) \(([^)]*)\)", text)]

    assert grouped
    assert [] == [each for each in grouped if not {"namespace", "job"} <= set(each.split(", "))]
    assert [] == [
        query.legend for _, query in queries() if query.legend and "{{namespace}} {{job}}" not in query.legend
    ]


def test_every_query_follows_what_is_chosen() -> None:
    """Namespace, job and account can be chosen, each among those of the one before, and count everywhere."""
    chosen = [each for each in DOCUMENT["templating"]["list"] if each["type"] == "query"]
    matchers = [f'{name}=~"${name}' for name in ("namespace", "job", "account")]

    assert ["namespace", "job", "account"] == [each["name"] for each in chosen]
    for at, variable in enumerate(chosen):
        assert (True, True, ".*") == (variable["multi"], variable["includeAll"], variable["allValue"])
        assert all(matcher in variable["query"]["query"] for matcher in matchers[:at])
    for expression in TARGETS:
        of_account = [] if "process_resident" in expression else matchers[2:]
        assert [] == [each for each in matchers[:2] + of_account if each not in expression]


@pytest.mark.usefixtures("prometheus_tools")
def test_the_state_panel_shows_one_state_of_each_account(tmp_path: Path) -> None:
    """Not the sum of two: while an account is handed over, and of releases whose accounts have one name."""
    (state,) = (query.expression for title, query in queries() if title == "State")
    scene = replica("a", "running") | replica("b", "throttled") | standby("c")
    here, there = (
        f'{{namespace="training", job="{job}", account="academy"}}'
        for job in ("training/consumer", "training/second")
    )
    expected = {here: STATES.index("throttled") + 1, there: STATES.index("running") + 1}
    scene = scene | other_release(replica("a", "running"))

    assert values(scene, plain(state), "5m", expected, tmp_path) == ""
    assert values(standby("a"), plain(state), "5m", {here: 0}, tmp_path) == ""


@pytest.mark.usefixtures("prometheus_tools")
def test_what_waited_at_a_start_is_counted_once(tmp_path: Path) -> None:
    """200 dead letters before the first scrape count for an hour; a standby's and an old process's don't."""
    titles = ("Dead letters in an hour", "Dead letters of a day, by whose they usually are")
    hour, day = (next(query.expression for name, query in queries() if name == each) for each in titles)
    scene = standby("a") | comes(replica("b", "running", dead_letters={"event_invalid": "200x200"}), 90)
    account = 'namespace="training", job="training/consumer", account="academy"'

    assert values(scene, f"{plain(hour)} > 0", "95m", _letters(account, 200), tmp_path) == ""
    assert values(scene, f"{plain(hour)} > 0", "155m", {}, tmp_path) == ""
    assert values(scene, plain(day), "155m", {f"{{{account}}}": 200}, tmp_path) == ""


def _letters(account: str, number: int) -> dict[str, float]:
    return {f'{{{account}, error_class="event_invalid"}}': number}


def test_the_dashboard_asks_the_five_questions() -> None:
    """In this order, each with panels of its own that don't lie over each other."""
    rows = [panel["title"] for panel in DOCUMENT["panels"] if panel["type"] == "row"]
    places = [panel["gridPos"] for panel in DOCUMENT["panels"]]
    cells = [
        (x, y)
        for at in places
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]

    assert list(ROWS) == rows
    assert len(queries()) == len(TARGETS)
    assert len(set(cells)) == len(cells)
    assert all(0 <= x < 24 for x, _ in cells)
    assert len({panel["id"] for panel in DOCUMENT["panels"]}) == len(places)


def test_links_lead_into_the_runbook() -> None:
    """The dashboard's and the alerts': each to a page that is there."""
    urls = re.findall(r'"url": "([^"]*)"', DASHBOARD.read_text(encoding="utf-8"))
    urls += [alert.rule["annotations"]["runbook_url"] for alert in alerts(RULES_TEXT)]

    assert [] == [url for url in urls if "{{" not in url and not (ROOT / url.partition("#")[0]).is_file()]
    assert set(PAGES.values()) <= set(urls)


def test_the_runbooks_pages_name_their_alerts() -> None:
    """Who reads a page at night finds the alert that led there; a class's page that of its fault."""
    pages = {path: (ROOT / path).read_text(encoding="utf-8") for path in PAGES.values()}
    for error_class, advice in ADVICE.items():
        assert f"`{P}DeadLettersOf{advice.fault.title()}`" in pages[PAGES[error_class]]
    for alert in alerts(RULES_TEXT):
        url = alert.rule["annotations"]["runbook_url"]
        assert "{{" in url or f"`{alert.name}`" in _page(url)


def _page(url: str) -> str:
    return (ROOT / url.partition("#")[0]).read_text(encoding="utf-8")


def test_every_alert_says_who_does_what() -> None:
    """Severity, team, runbook, and three texts that are sentences; and a case in which it fires."""
    fired = {P + name.split()[0] for case in CASES.values() for names in case.at.values() for name in names}
    found = alerts(RULES_TEXT)

    assert {alert.name for alert in found} == fired
    for alert in found:
        assert alert.rule["labels"]["severity"] in {"page", "ticket"}
        assert alert.rule["labels"]["team"] in {"publisher", "portal", "operator"}
        assert set(alert.rule["annotations"]) == {"summary", "description", "action", "runbook_url"}
        assert all(
            alert.rule["annotations"][name].endswith((".", "?", ".)")) for name in ("summary", "action")
        )


def test_every_state_has_an_alert() -> None:
    """But those in which all is well; `standby` is one where all replicas are in it."""
    looked_at = {
        state for text in EXPRESSIONS[len(TARGETS) :] for state in re.findall(r'state!?="(\w+)"', text)
    }

    assert set(STATES) == looked_at


def test_dead_letters_go_to_whom_the_runbook_says() -> None:
    """Each class in the alert of its fault, as `dlq stats` tells it; Zoho's are the operator's to replay."""
    for fault, team in {"publisher": "publisher", "portal": "portal", "Zoho": "operator"}.items():
        (alert,) = [each for each in alerts(RULES_TEXT) if each.name == f"{P}DeadLettersOf{fault.title()}"]
        (classes,) = re.findall(r'error_class=~"([^"]*)"', alert.rule["expr"])

        assert team == alert.rule["labels"]["team"]
        assert {str(each) for each, advice in ADVICE.items() if advice.fault == fault} == set(
            classes.split("|")
        ) - {"other"}
