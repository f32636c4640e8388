"""The chart's PrometheusRule and ConfigMap: the files as they are, with links where the values say."""

import json
import re

import pytest
import yaml

from helm.generate import DASHBOARD, RULES
from tests.chart.rendering import LEAST, render

pytestmark = pytest.mark.usefixtures("chart_tools")

BASE = "https://docs.example.com/consumer/"
ENABLED = ("prometheusRule.enabled=true", "dashboard.enabled=true")


def test_rules_and_dashboard_are_the_files() -> None:
    """Nothing is added or lost; `runbook_url` is a path where no base is known."""
    rendered = render(LEAST, sets=ENABLED)

    assert yaml.safe_load(RULES.read_text(encoding="utf-8")) == rendered.one("PrometheusRule")["spec"]
    assert {DASHBOARD.name: DASHBOARD.read_text(encoding="utf-8")} == rendered.one("ConfigMap", "-dashboard")[
        "data"
    ]


def test_every_link_begins_with_the_base() -> None:
    """Each alert's `runbook_url` and each of the dashboard's links, and nothing else is changed."""
    bases = [f"{part}.runbookBaseUrl={BASE}" for part in ("prometheusRule", "dashboard")]
    rendered = render(LEAST, sets=(*ENABLED, *bases))

    rules = yaml.safe_dump(rendered.one("PrometheusRule")["spec"], width=10_000)
    page = rendered.one("ConfigMap", "-dashboard")["data"][DASHBOARD.name]
    urls = re.findall(r"runbook_url: (.*)", rules) + re.findall(r'"url": "([^"]*)"', page)
    assert urls
    assert [] == [url for url in urls if not url.startswith(f"{BASE}docs/runbook/")]
    assert json.loads(page.replace(BASE, "")) == json.loads(DASHBOARD.read_text(encoding="utf-8"))


def test_a_base_without_its_slash_is_refused() -> None:
    """`…/consumerdocs/runbook/…` would lead nowhere."""
    with pytest.raises(AssertionError, match="runbookBaseUrl"):
        render(LEAST, sets=(*ENABLED, "prometheusRule.runbookBaseUrl=https://docs.example.com"))
