"""The program takes what the chart gives it, and makes the same topics."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.kafka.topic_plan import wanted_topics
from consumer.records import RECORD_OVERHEAD_BYTES
from consumer.settings import TopicNames
from consumer.settings.load import load_settings, load_topic_settings
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


@pytest.mark.parametrize("values", [LEAST, *EXAMPLES], ids=lambda path: path.stem)
def test_the_replay_job_gets_into_kafka_without_a_credential_of_zohos(values: Path, tmp_path: Path) -> None:
    """Its variables and files are all that commands for Kafka ask for."""
    args = "replay.args={ID,--account,academy,--yes,--reason,why}"
    rendered = render(values, sets=["replay.enabled=true", args])

    environ = environment(rendered, rendered.one("Job"), tmp_path)
    settings = load_topic_settings(environ)

    whole = load_settings(environment(rendered, rendered.one("Deployment"), tmp_path / "consumer"))
    assert {account.dead_letter_topic for account in whole.accounts} == {
        account.dead_letter_topic for account in settings.accounts
    }
    assert [] == [path.name for path in tmp_path.iterdir() if "ZOHO" in path.name]


def test_strimzis_topics_are_those_that_the_program_makes() -> None:
    """The same names and settings as `topics create`, the source topic apart."""
    rendered = render(STRIMZI)
    made = [each["spec"] for each in rendered.manifests if each["kind"] == "KafkaTopic"]
    limit = yaml.safe_load((CHART / "values.yaml").read_text())["strimzi"]["topics"]["sourceMaxMessageBytes"]
    wanted = wanted_topics(TopicNames(), limit)[1:]

    assert {topic.name: dict(topic.config) for topic in wanted} == {
        topic["topicName"]: {name: str(value) for name, value in topic["config"].items()} for topic in made
    }


def test_the_chart_asks_for_as_much_room_as_the_program() -> None:
    """A backlog that just holds one event is taken, and one byte less is refused."""
    least = 1_048_576 + RECORD_OVERHEAD_BYTES
    event = "config.max_event_bytes=1048576"

    render(LEAST, sets=[event, f"config.backlog_bytes={least}"])
    with pytest.raises(AssertionError, match=f"config.backlog_bytes .{least - 1}. must be at least {least}"):
        render(LEAST, sets=[event, f"config.backlog_bytes={least - 1}"])


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
    """The paths of a volume's source, and what would be there."""
    [(kind, what)] = source.items()
    if kind == "configMap":
        return list(rendered.one("ConfigMap", what["name"])["data"].items())
    there = _keys_of_secret(rendered, what["name"])
    paths = {item["key"]: item["path"] for item in what.get("items", [])} or {key: key for key in there}
    if what.get("optional"):
        paths = {key: path for key, path in paths.items() if key in there}
    # A pod doesn't start where a key is missing.
    assert "-secret" not in what["name"] or paths.keys() <= there
    return [(path, f"{key}-of-{what['name']}") for key, path in paths.items()]


def _keys_of_secret(rendered: Rendered, name: str) -> set[str]:
    """Those that External Secrets fetches, else what somebody would have put there for one account."""
    for each in rendered.manifests:
        if each["kind"] == "ExternalSecret" and each["metadata"]["name"] == name:
            return {reference["secretKey"] for reference in each["spec"]["data"]}
    keys = set(_OF_ONE_ACCOUNT)
    return keys if "CONSUMER_KAFKA_SASL_MECHANISM" in rendered.text else keys - {_OF_ONE_ACCOUNT[0]}


_OF_ONE_ACCOUNT = (
    "CONSUMER_KAFKA_SASL_PASSWORD",
    "CONSUMER_ZOHO_CLIENT_ID",
    "CONSUMER_ZOHO_CLIENT_SECRET",
    "CONSUMER_ZOHO_REFRESH_TOKEN",
)
