"""compose.yaml: names, ports, settings and conditions agree with each other and with the program."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.emulator.options import EmulatorOptions
from consumer.settings import load_settings
from consumer.settings.table import SETTINGS
from helm.generate import RULES
from tests.alerts.promtool import promtool
from tests.image.tools import ROOT
from tests.kafka_broker.fetch import cache_directory

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
CONSUMER, EMULATOR, KAFKA, PROMETHEUS = (
    SERVICES[name] for name in ("consumer", "emulator", "kafka", "prometheus")
)
SETTINGS_THERE: dict[str, str] = CONSUMER["environment"]


def container_ports(service: dict[str, Any]) -> set[str]:
    """The ports that are published, as numbered in the container."""
    return {each.rpartition(":")[2] for each in service["ports"]}


def test_the_consumer_gets_settings_that_it_starts_with() -> None:
    """Every variable is one of the settings' table, each is text, and together they have no problem."""
    assert set() == set(SETTINGS_THERE) - {f"CONSUMER_{each.name}" for each in SETTINGS}
    assert () == tuple(load_settings(SETTINGS_THERE).warnings)


def test_the_consumer_reaches_the_emulator_on_loopback_with_its_credential() -> None:
    """In the emulator's network, because tokens travel over plain HTTP on loopback only."""
    tokens = EmulatorOptions().tokens
    port = EMULATOR["command"][EMULATOR["command"].index("--port") + 1]

    assert "service:emulator" == CONSUMER["network_mode"]
    assert f"http://127.0.0.1:{port}" == SETTINGS_THERE["CONSUMER_ZOHO_PEOPLE_URL"]
    assert f"http://127.0.0.1:{port}" == SETTINGS_THERE["CONSUMER_ZOHO_ACCOUNTS_URL"]
    assert f"http://127.0.0.1:{port}/" in " ".join(EMULATOR["healthcheck"]["test"])
    assert {port, SETTINGS_THERE["CONSUMER_HTTP_PORT"]} == container_ports(EMULATOR)
    assert (tokens.client_id, tokens.client_secret, tokens.refresh_token) == tuple(
        SETTINGS_THERE[f"CONSUMER_ZOHO_{name}"] for name in ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")
    )


def test_the_broker_is_advertised_where_the_consumer_looks_for_it() -> None:
    """One way in from the stack and one from this machine, at the ports that are published."""
    broker = KAFKA["environment"]
    advertised = dict(each.split("://") for each in broker["KAFKA_ADVERTISED_LISTENERS"].split(","))
    listeners = dict(each.split("://") for each in broker["KAFKA_LISTENERS"].split(","))
    protocols = dict(each.split(":") for each in broker["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))

    assert cache_directory().name.replace("kafka-", "apache/kafka:") == KAFKA["image"], (
        "another than the tests'"
    )
    assert (
        SETTINGS_THERE["CONSUMER_KAFKA_BOOTSTRAP_SERVERS"]
        == advertised["INSIDE"]
        == f"kafka{listeners['INSIDE']}"
    )
    assert {advertised["OUTSIDE"].rpartition(":")[2]} == container_ports(KAFKA)
    assert set(protocols) == set(listeners) == {*advertised, broker["KAFKA_CONTROLLER_LISTENER_NAMES"]}


def prometheus_settings() -> dict[str, Any]:
    """What Prometheus reads in the container."""
    (mounted,) = PROMETHEUS["configs"]
    assert "/etc/prometheus/prometheus.yml" == mounted["target"]
    said: dict[str, Any] = yaml.safe_load(COMPOSE["configs"][mounted["source"]]["content"])
    return said


def test_prometheus_scrapes_the_consumer() -> None:
    """At the name whose network the consumer shares, and the port of its settings."""
    (job,) = prometheus_settings()["scrape_configs"]

    assert [f"emulator:{SETTINGS_THERE['CONSUMER_HTTP_PORT']}"] == job["static_configs"][0]["targets"]


def test_prometheus_loads_the_alerts() -> None:
    """The rules' directory, mounted where the configuration looks for them."""
    (mount,) = PROMETHEUS["volumes"]
    source, target, mode = mount.split(":")
    (pattern,) = prometheus_settings()["rule_files"]

    assert (RULES.parent, "ro") == ((ROOT / source).resolve(), mode)
    assert f"{target}/*{RULES.suffix}" == pattern


@pytest.mark.usefixtures("prometheus_tools")
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    """`promtool check config`, with the rules where the mount has them: it finds and reads them all."""
    (mount,) = PROMETHEUS["volumes"]
    source, target, _ = mount.split(":")
    text = yaml.safe_dump(prometheus_settings()).replace(target, str((ROOT / source).resolve()))
    (tmp_path / "prometheus.yml").write_text(text)

    assert promtool("check", "config", str(tmp_path / "prometheus.yml")) == ""
    assert str(RULES) in text.replace("*", RULES.stem)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_only_for_what_can_become_healthy(name: str) -> None:
    """Who is waited for exists, and has a health check of its own or the image's."""
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert {"condition": "service_healthy"} == how
        assert "healthcheck" in SERVICES[other] or SERVICES[other] is CONSUMER


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_and_open_to_this_machine_alone(name: str) -> None:
    """An exact tag, or what is built here; no port on other interfaces."""
    tag = SERVICES[name]["image"].partition(":")[2]

    assert tag not in {"", "latest"}
    assert all(each.startswith("127.0.0.1:") for each in SERVICES[name].get("ports", []))


def test_the_program_runs_as_tightly_as_in_the_chart() -> None:
    """A read-only root, no capability, no way to more; and a stop has the time that it may take."""
    for service in (CONSUMER, EMULATOR):
        assert (True, ["ALL"]) == (service["read_only"], service["cap_drop"])
        assert ["no-new-privileges:true"] == service["security_opt"]
    assert (
        float(CONSUMER["stop_grace_period"].removesuffix("s"))
        > load_settings(SETTINGS_THERE).shutdown_seconds
    )
