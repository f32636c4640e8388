"""The schema refuses wrong names, and settings that the program refuses, before anything is made."""

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from consumer.events.zones import zone_names
from consumer.settings.table import SETTINGS
from helm.chart_settings import key
from helm.generate import CHART
from tests.chart.rendering import LEAST, NEWEST, run

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
REFERENCE = {"key": "place"}
# Setting and a text that neither the chart nor the program takes.
WRONG_SETTINGS = [
    ("source_topic", "training changed"),
    ("kafka_group_id", " mine"),
    ("zoho_client_id", "1000.A B"),
    ("zoho_people_url", "people.example.com"),
    ("zoho_people_url", "https://me:word@people.example.com"),
    ("zoho_people_url", "https://people.example.com/?a=b"),
    ("zoho_people_url", "https://people.example.com:65536"),
    ("zoho_time_zone", "India Standard Time"),
    ("zoho_time_zone", "UTC+5:30"),
    ("zoho_time_zone", "+05:30"),
    ("zoho_time_zone", "asia/kolkata"),
    ("account", "-mine"),
]
WRONG_VALUES: list[tuple[str, Any]] = [
    ("config.kafka_group_id", ""),
    ("config.source_topic", ""),
    ("config.kafka_security_protocol", ""),
    ("config.zoho_time_zone", "IST"),
    ("secret.external", {"CONSUMER_KAFKA_GROUP_ID": REFERENCE}),
    ("secret.external", {"CONSUMER_HTTP_PORT": REFERENCE}),
    ("image.repository", ""),
    ("image.repository", "registry.example.com/consumer:1.0"),
    ("image.repository", "https://registry.example.com/consumer"),
    ("image.repository", "Consumer"),
    ("image.tag", "v1 "),
    ("image.tag", "sha256:00"),
    ("image.pullSecrets", [{"name": ""}]),
    ("nameOverride", "My_Name"),
    ("nameOverride", "n" * 64),
    ("fullnameOverride", "consumer."),
    ("fullnameOverride", "n" * 53),
    ("secret.existing", "Zoho_Secret"),
    ("secret.existing", "n" * 254),
    ("kafka.password.secret", "kafka/password"),
    ("kafka.password.key", ""),
    ("kafka.ca.key", "certs/ca.crt"),
    ("replay.kafka.certificate.secret", "-x"),
    ("serviceAccount.name", "A"),
    ("strimzi.cluster", "main.kafka"),
    ("strimzi.namespace", "Kafka"),
    ("priorityClassName", "high priority"),
    ("prometheusRule.runbookBaseUrl", "https://docs.example.com/our docs/"),
    ("prometheusRule.runbookBaseUrl", "https://docs.example.com/#/"),
    ("dashboard.runbookBaseUrl", 'https://docs.example.com/"/'),
    ("dashboard.runbookBaseUrl", "https://docs.example.com/{{ a }}/"),
    ("podMonitor.interval", ""),
    ("podMonitor.interval", "30s1m"),
    ("externalSecrets.refreshInterval", "1h 30m"),
    ("extraEnv", [{"name": 5}]),
    ("extraVolumes", [{"name": ""}]),
    ("extraVolumeMounts", [{"name": "more", "mountPath": "more"}]),
]


def refused(path: str, value: Any) -> str:
    """What Helm's own validator says of that value; the path as a JSON pointer in it."""
    done = run(
        "template", "rel", str(CHART), "--kube-version", NEWEST, "--values", str(LEAST),
        "--set-json", f"{path}={json.dumps(value)}",
    )  # fmt: skip
    return done.stderr if done.returncode else ""


@pytest.mark.usefixtures("chart_tools")
@pytest.mark.parametrize(("path", "value"), WRONG_VALUES)
def test_a_value_of_the_wrong_form_is_refused_by_its_place(path: str, value: Any) -> None:
    """Helm names it, and nothing is rendered."""
    said = refused(path, value)

    assert f"at '/{path.replace('.', '/')}" in said


@pytest.mark.usefixtures("chart_tools")
@pytest.mark.parametrize(("name", "text"), WRONG_SETTINGS)
def test_a_setting_that_stops_the_start_stops_the_install(name: str, text: str) -> None:
    """The program refuses the text, and so does the chart, by its place."""
    [setting] = [each for each in SETTINGS if key(each) == name]

    with pytest.raises(ValueError, match=r".+"):
        setting.parse(text)

    assert f"at '/config/{name}'" in refused(f"config.{name}", text)


def test_an_accounts_empty_setting_is_none() -> None:
    """It comes from `config` then; only there is a name that must not be empty."""
    assert valid({"config": {"source_topic": "", "kafka_group_id": ""}}) is False
    assert valid({"accounts": {"a": {"config": {"source_topic": ""}, "secret": {}}}}) is True


def test_every_zone_of_the_zone_data_is_taken() -> None:
    """Whatever the program takes: Area/City, and names without an area such as Singapore or GMT0."""
    taken = {name for name in zone_names() if valid({"config": {"zoho_time_zone": name}})}

    assert zone_names() == taken


@pytest.mark.parametrize("base", ["https://docs.example.com/", "http://[::1]:8080/a-b/~c/%20/?path=/d/"])
def test_links_may_lead_anywhere(base: str) -> None:
    """A port, an address, a query: with a slash at the end."""
    assert valid({"prometheusRule": {"runbookBaseUrl": base}})


@pytest.mark.parametrize(
    "repository", ["session-consumer", "localhost:5000/a", "registry.Example.com:443/team/a__b/c-d.e"]
)
def test_images_are_taken_from_anywhere(repository: str) -> None:
    """With a registry, its port, and folders."""
    assert valid({"image": {"repository": repository}})


@pytest.mark.parametrize(
    "url",
    ["https://people.zoho.com", "https://[::1]:8443/zoho/", "http://127.0.0.1:9000", "http://localhost"],
)
def test_urls_of_zoho_are_taken(url: str) -> None:
    """Whatever the program takes: a port, a path, an address."""
    assert valid({"config": {"zoho_people_url": url}})


def valid(values: dict[str, Any]) -> bool:
    """Whether the schema takes these, as part of all."""
    errors = Draft7Validator(SCHEMA).iter_errors(values)
    return not [each for each in errors if each.validator != "required"]
