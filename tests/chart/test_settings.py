"""The program takes what the chart gives it, and makes the same topics."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.kafka.topic_plan import wanted_topics
from consumer.settings import TopicNames
from consumer.settings.load import load_settings
from helm.generate import CHART
from tests.chart.rendering import EXAMPLES, LEAST, Manifest, Rendered, render

pytestmark = pytest.mark.usefixtures("chart_tools")

DIRECTORY = "/etc/session-consumer"
STRIMZI = CHART / "examples" / "strimzi-locked-down.yaml"


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
    limit = yaml.safe_load((CHART / "values.yaml").read_text())["strimzi"]["topics"]["sourceMaxMessageBytes"]
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
