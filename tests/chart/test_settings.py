"""Settings, values, schema and pages say the same, and the program takes what the chart gives it."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.kafka.topic_plan import wanted_topics
from consumer.settings import TopicNames
from consumer.settings.load import load_settings
from consumer.settings.table import SETTINGS
from helm.chart_settings import ACCOUNT_CONFIG, CONFIG, SET_BY_CHART, STANDING, key
from helm.generate import CHART
from helm.values_file import ValuesFile
from tests.chart.rendering import EXAMPLES, LEAST, Manifest, Rendered, render

DIRECTORY = "/etc/session-consumer"
STRIMZI = CHART / "examples" / "strimzi-locked-down.yaml"
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
        ".networkPolicy.brokers[]", ".networkPolicy.dns[]", ".networkPolicy.scrape[]",
        ".networkPolicy.zoho[]",
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


@pytest.mark.parametrize("values", [LEAST, *EXAMPLES], ids=lambda path: path.stem)
def test_the_program_takes_what_the_chart_gives(values: Path, tmp_path: Path) -> None:
    """Variables and mounted files of the rendered pod are settings without a problem or a warning."""
    rendered = render(values)

    settings = load_settings(environment(rendered, rendered.one("Deployment"), tmp_path))

    given = yaml.safe_load(values.read_text())
    assert settings.warnings == ()
    assert {*given.get("accounts", ["default"])} == {account.name for account in settings.accounts}
    for account in settings.accounts:
        wanted = given["config"] | given.get("accounts", {}).get(account.name, {}).get("config", {})
        shared = {name: value for name, value in wanted.items() if name in type(account).model_fields}
        assert shared == {name: getattr(account, name) for name in shared}


def test_strimzis_topics_are_those_that_the_program_makes() -> None:
    """The same names and settings as `topics create`, the source topic apart."""
    rendered = render(STRIMZI)
    made = [each["spec"] for each in rendered.manifests if each["kind"] == "KafkaTopic"]
    limit = yaml.safe_load(VALUES)["strimzi"]["topics"]["sourceMaxMessageBytes"]
    wanted = wanted_topics(TopicNames(), limit)[1:]

    assert {topic.name: dict(topic.config) for topic in wanted} == {
        topic["topicName"]: {name: str(value) for name, value in topic["config"].items()} for topic in made
    }


def environment(rendered: Rendered, owner: Manifest, root: Path) -> dict[str, str]:
    """The pod's variables, and its files under `root`. A Secret's contents are told apart by its name."""
    spec = owner["spec"]["template"]["spec"]
    [volume] = [each for each in spec["volumes"] if each["name"] == "settings"]
    for source in volume["projected"]["sources"]:
        for path, content in _projected(rendered, source):
            file = root / path
            assert not file.exists(), f"{path} comes from two sources"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    [container] = spec["containers"]
    return {each["name"]: each["value"].replace(DIRECTORY, str(root)) for each in container["env"]}


def _projected(rendered: Rendered, source: dict[str, Any]) -> list[tuple[str, str]]:
    [(kind, what)] = source.items()
    if kind == "configMap":
        return list(rendered.one("ConfigMap", what["name"])["data"].items())
    external = [
        each
        for each in rendered.manifests
        if each["kind"] == "ExternalSecret" and each["metadata"]["name"] == what["name"]
    ]
    if "items" in what:
        keys = {item["key"]: item["path"] for item in what["items"]}
        known = {each["secretKey"] for secret in external for each in secret["spec"]["data"]}
        assert not external or keys.keys() <= known
    else:
        named = [each["secretKey"] for secret in external for each in secret["spec"]["data"]]
        keys = {name: name for name in named or _OF_ONE_ACCOUNT}
        if "CONSUMER_KAFKA_SASL_MECHANISM" not in rendered.text:
            keys.pop("CONSUMER_KAFKA_SASL_PASSWORD", None)
    return [(path, f"{name}-of-{what['name']}") for name, path in keys.items()]


_OF_ONE_ACCOUNT = (
    "CONSUMER_KAFKA_SASL_PASSWORD",
    "CONSUMER_ZOHO_CLIENT_ID",
    "CONSUMER_ZOHO_CLIENT_SECRET",
    "CONSUMER_ZOHO_REFRESH_TOKEN",
)


def _objects(node: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    found = [(path, node)] if node.get("type") == "object" else []
    for name, child in node.get("properties", {}).items():
        found += _objects(child, f"{path}.{name}")
    if isinstance(child := node.get("additionalProperties"), dict):
        found += _objects(child, f"{path}.*")
    if isinstance(child := node.get("items"), dict):
        found += _objects(child, f"{path}[]")
    return found
