"""Settings, values.yaml, its schema and the page say the same."""

import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from consumer.settings.table import SETTINGS
from helm.chart_settings import ACCOUNT_CONFIG, CONFIG, SET_BY_CHART, STANDING, key
from helm.generate import CHART
from helm.values_file import ValuesFile

VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def test_every_setting_has_one_place() -> None:
    """In `config`, as a file of a Secret, or set by the chart itself; the page names each."""
    page = (CHART / "README.md").read_text(encoding="utf-8")
    secrets = {setting.name for setting in SETTINGS if setting.secret}
    names = [*(setting.name for setting in CONFIG), *secrets, *SET_BY_CHART]

    assert sorted(setting.name for setting in SETTINGS) == sorted(names)
    assert set() == {setting.variable for setting in SETTINGS if setting.variable not in page}


def test_values_and_schema_know_the_same_settings() -> None:
    """Each key of `config` is in both, and an account's keys are those that an account may set."""
    config = SCHEMA["properties"]["config"]
    account = SCHEMA["properties"]["accounts"]["additionalProperties"]["properties"]["config"]

    assert {key(setting) for setting in CONFIG} == set(config["properties"])
    assert {key(setting) for setting in ACCOUNT_CONFIG} == set(account["properties"])
    block = VALUES.partition("# begin:")[2].partition("# end:")[0]
    assert {key(setting) for setting in CONFIG} == set(re.findall(r"^  (?:# )?([a-z_]+): ", block, re.M))


def test_what_stands_in_values_is_the_programs_default() -> None:
    """The chart changes no default behind anybody's back."""
    standing = yaml.safe_load(VALUES)["config"]

    assert standing == {
        key(setting): "" if setting.default is None else setting.default
        for setting in SETTINGS
        if setting.name in STANDING
    }


def test_unknown_keys_are_refused_wherever_the_chart_knows_the_keys() -> None:
    """Every object of the schema is closed, but for Kubernetes's own and maps of names."""
    open_objects = sorted(
        path for path, node in _objects(SCHEMA, "") if node.get("additionalProperties") is None
    )

    assert open_objects == [
        ".affinity", ".extraEnv[]", ".extraVolumeMounts[]", ".extraVolumes[]", ".global",
        ".networkPolicy.brokers[]", ".networkPolicy.collector[]", ".networkPolicy.dns[]",
        ".networkPolicy.scrape[]", ".networkPolicy.zoho[]",
        ".podSecurityContext", ".resources.limits", ".resources.requests", ".securityContext",
        ".tolerations[]", ".topologySpreadConstraints[]",
    ]  # fmt: skip


def test_every_value_says_what_it_is() -> None:
    """A value without a word is refused by the generator."""
    with pytest.raises(ValueError, match=r"nothing is said of image\.tag"):
        ValuesFile("# The image.\nimage:\n  tag: x\n")


def test_chart_and_program_have_one_version() -> None:
    """They are released together."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((CHART.parents[1] / "pyproject.toml").read_text())["project"]

    assert (project["version"], project["version"]) == (chart["version"], chart["appVersion"])


def _objects(node: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    found = [(path, node)] if node.get("type") == "object" else []
    for name, child in node.get("properties", {}).items():
        found += _objects(child, f"{path}.{name}")
    if isinstance(child := node.get("additionalProperties"), dict):
        found += _objects(child, f"{path}.*")
    if isinstance(child := node.get("items"), dict):
        found += _objects(child, f"{path}[]")
    return found
