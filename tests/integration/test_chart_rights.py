"""The rights that the Helm chart gives are enough, on a real broker with ACLs."""

import asyncio
import re
import subprocess
import sys
from typing import cast

import pytest

from tests.chart.rendering import acls_of
from tests.integration.conftest import MakeConsumer
from tests.integration.secure_kafka import applied_and_dead_lettered, plain
from tests.kafka_broker.security import MAY_ALL, MAY_WHAT_IS_GRANTED, Operation, SecureKafka, grant
from tests.kafka_broker.traffic import Topics, create_topics, unique_topics
from tests.process import settings_for

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("chart_tools")]


async def topics_with_rights_of(kafka: SecureKafka, user: str) -> Topics:
    """Four topics, and the rights that the chart gives its `consumer` or `replayer` on them."""
    made = unique_topics()
    await create_topics(kafka.own, *made.names)
    for acl in acls_of(user, made):
        operations = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", each).lower() for each in acl["operations"]]
        resource = acl["resource"]
        grant(kafka.own, resource["type"], resource["name"], *cast("list[Operation]", operations))
    return made


async def test_the_consumers_rights_are_enough(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """An event is applied, another dead-lettered, and every topic's settings could be compared."""
    made = await topics_with_rights_of(secure_kafka, "consumer")

    lines = await applied_and_dead_lettered(
        secure_kafka, "SASL", consumer_process, plain(MAY_WHAT_IS_GRANTED), made
    )

    assert not any("DescribeConfigs" in line for line in lines)


async def test_the_replayers_rights_are_enough(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """To look at dead letters and to replay one; with no right on the group or the source."""
    made = await topics_with_rights_of(secure_kafka, "replayer")
    await applied_and_dead_lettered(secure_kafka, "SASL", consumer_process, plain(MAY_ALL), made)
    env = settings_for(secure_kafka.at("SASL"), made, "http://127.0.0.1:1", **plain(MAY_WHAT_IS_GRANTED))

    replay = "replay --class event_unreadable --force --canary 0 --no-wait --yes --reason tried"
    for command, shows in (
        ("stats", "1 open"),
        ("list", "open"),
        ("export", "1 dead letter"),
        (replay, "1  to replay"),
    ):
        words = [sys.executable, "-m", "consumer", "dlq", *command.split()]
        done = await asyncio.to_thread(
            subprocess.run, words, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert shows in done.stdout + done.stderr
