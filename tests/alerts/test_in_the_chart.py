"""The chart's PrometheusRule and ConfigMap: the files as they are, with links where the values say."""

import re

import pytest
import yaml

from helm.generate import DASHBOARD, RULES
from tests.chart.rendering import LEAST, render

pytestmark = pytest.mark.usefixtures("chart_tools")

BASE = "https://docs.example.com/consumer/"
ENABLED = ("prometheusRule.enabled=true", "dashboard.enabled=true")
BASES = tuple(f"{part}.runbookBaseUrl={BASE}" for part in ("prometheusRule", "dashboard"))


def test_rules_and_dashboard_are_the_files() -> None:
    """Nothing is added or lost; only the links begin with the base."""
    rendered = render(LEAST, sets=(*ENABLED, *BASES))

    rules = RULES.read_text(encoding="utf-8").replace("runbook_url: docs/", f"runbook_url: {BASE}docs/")
    page = rendered.one("ConfigMap", "-dashboard")["data"][DASHBOARD.name]
    assert yaml.safe_load(rules) == rendered.one("PrometheusRule")["spec"]
    assert DASHBOARD.read_text(encoding="utf-8") == page.replace(BASE, "")


def test_every_link_begins_with_the_base() -> None:
    """Each alert's `runbook_url` and each of the dashboard's links."""
    rendered = render(LEAST, sets=(*ENABLED, *BASES))

    rules = yaml.safe_dump(rendered.one("PrometheusRule")["spec"], width=10_000)
    page = rendered.one("ConfigMap", "-dashboard")["data"][DASHBOARD.name]
    urls = re.findall(r"runbook_url: (.*)", rules) + re.findall(r'"url": "([^"]*)"', page)
    assert urls
    assert [] == [url for url in urls if not url.startswith(f"{BASE}docs/runbook/")]


def test_a_base_without_its_slash_is_refused() -> None:
    """`…/consumerdocs/runbook/…` would lead nowhere."""
    with pytest.raises(AssertionError, match="runbookBaseUrl"):
        render(LEAST, sets=(*ENABLED, *BASES, "prometheusRule.runbookBaseUrl=https://docs.example.com"))
