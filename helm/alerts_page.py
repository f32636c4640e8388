"""docs/alerts.md: what the rules say, as a table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_HEAD = """\
# Alerts

Made by `make generate` from [the rules](../helm/session-consumer/files/rules/session-consumer.yaml), which
Prometheus takes as they are (`rule_files`), and the chart with `prometheusRule.enabled`. There
`prometheusRule.runbookBaseUrl` says where these pages can be read; in the file `runbook_url` is a path in
this repository. Each alert is per account, whichever replica owns it, two are per replica, one per job;
`namespace` and `job` tell releases apart whose accounts have the same names. What comes and goes counts by
its share of the time, so that a crash loop or a flapping Zoho is seen too; such an alert ends some minutes
after its cause.

`severity`: a *page* is for now, a *ticket* for the next working day. `team` says whose it is: the
*publisher* sends the events, the *portal*'s people keep courses, rights and plan in Zoho People, the
*operator* runs this.

"""
_TAIL = """
**Without the chart's PodMonitor** give the targets the label `app="session-consumer"` (`labels:` of
`static_configs`, or a relabelling). By it Prometheus knows that a target is ours which never answered:
without it a first install that never comes up raises no alert. A pod that no node has room for is no
target; what watches the cluster has to see that.

**Open dead letters are not a metric.** Which of them are open stands in two topics, and the consumer reads
only one: the dead-letter topic is never read by it, and the outcomes topic keeps states of those that
somebody touched, not the open ones. A gauge would mean to read up to 30 days of dead letters at every
take-over. So alerts count what was *written* in the last hour, by class; one that ends says that no more
come, not that none is open. `session-consumer dlq stats` counts the open ones.

The [dashboard](../helm/session-consumer/files/dashboards/session-consumer.json) (`dashboard.enabled`) asks:
are we current, are we allowed to call, what fails, whose fault, when will it be done. It needs no rule but
for its list of alerts.
"""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; `when`: the comment above it."""

    name: str
    when: str
    rule: dict[str, Any]


def alerts(text: str) -> list[Alert]:
    """All of a rules file, in its order. Raises ValueError where one says nothing above it."""
    found = []
    comments = {name: said for said, name in re.findall(r"((?:^ +# .*\n)+) +- alert: (\w+)$", text, re.M)}
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            if name := rule.get("alert"):
                if name not in comments:
                    raise ValueError(f"nothing is said above the alert {name}")
                when = " ".join(line.strip(" #") for line in comments[name].splitlines())
                found.append(Alert(name, when, rule))
    return found


def alerts_page(text: str) -> str:
    """The page of a rules file."""
    return _HEAD + "\n".join(_table(alerts(text))) + "\n" + _TAIL


def _table(found: list[Alert]) -> Iterator[str]:
    yield "| alert | severity | whose | when | what to do | runbook |\n|---|---|---|---|---|---|"
    for alert in found:
        labels, texts = alert.rule["labels"], alert.rule["annotations"]
        action = re.sub(r"{{ \$labels\.\w+ }}", "…", texts["action"])
        yield (
            f"| `{alert.name}` | {labels['severity']} | {labels['team']} | {alert.when} | {action} "
            f"| {_page(texts['runbook_url'])} |"
        )


def _page(url: str) -> str:
    if "{{" in url:
        return "[the class's](runbook/README.md#dead-letters)"
    page = url.removeprefix("docs/runbook/")
    name = page.partition(".md")[0]
    return f"[{'index' if name == 'README' else name}](runbook/{page})"
