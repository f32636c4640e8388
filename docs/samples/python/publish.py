"""Publish a changed session, then say what became of it: `python publish.py BOOTSTRAP_SERVERS [TOPIC]`.

Needs: pip install confluent-kafka. Exits with 0 where the event was applied, else with 1 and the reason.
"""

import json
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

PUBLISH_SECONDS = 30
OUTCOME_SECONDS = 600
SOURCE = "urn:example:planner"
SESSION = "478346000019553023"
DATA = {
    "courseId": "478346000019479103",  # ids are strings
    "batchId": "478346000019479115",
    "moduleId": "478346000019479119",
    "sessionId": SESSION,
    "revision": 7,  # grows with each change of this session
    "session": {
        "name": "Published from Python",
        "trainerId": "478346000008251001",
        "delivery": "classroom",
        "startsAt": "2026-12-01T10:00:00+05:30",  # whole minutes
        "endsAt": "2026-12-01T11:00:00+05:30",
    },
}


def main(bootstrap: str, topic: str = "training.session.changed") -> str | None:
    """None where the event was applied, else why not."""
    settings = {"bootstrap.servers": bootstrap}  # security settings go here
    event_id = str(uuid.uuid4())  # publish the same change again with the same id
    consumer = Consumer({**settings, "group.id": "no group is joined", "enable.auto.commit": False})
    try:
        consumer.assign(ends_of(consumer, f"{topic}.outcomes"))  # before publishing: ours comes later
        publish(Producer({**settings, "enable.idempotence": True, "acks": "all"}), topic, event_id)
        outcome = wait_for_outcome(consumer, event_id)
    except (KafkaException, TimeoutError) as error:
        return f"{event_id}: {error}"
    finally:
        consumer.close()
    print(outcome["outcome"], event_id)
    return None if outcome["outcome"] == "applied" else json.dumps(outcome)


def ends_of(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """Every partition of the topic, at its end."""
    found = consumer.list_topics(topic, timeout=10).topics[topic]
    if found.error:
        raise KafkaException(found.error)
    partitions = [TopicPartition(topic, number) for number in found.partitions]
    for each in partitions:
        each.offset = consumer.get_watermark_offsets(each, timeout=10)[1]
    return partitions


def publish(producer: Producer, topic: str, event_id: str) -> None:
    """Send the event, and wait until every in-sync replica has it."""
    headers: dict[str, str | bytes | None] = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_type": "training.session.changed.v1",
        "ce_source": SOURCE,
        "ce_id": event_id,
        "ce_time": datetime.now(UTC).isoformat(),
    }
    failures: list[Any] = []
    producer.produce(
        topic,
        json.dumps(DATA),
        key=SESSION,
        headers=headers,
        on_delivery=lambda error, _: failures.extend([error] if error else []),
    )
    if producer.flush(PUBLISH_SECONDS):
        raise TimeoutError(f"not known to be published after {PUBLISH_SECONDS} s")
    if failures:
        raise KafkaException(failures[0])


def wait_for_outcome(consumer: Consumer, event_id: str) -> Any:
    """What became of the event; records of the topic without an `event` are about dead letters."""
    give_up_at = time.monotonic() + OUTCOME_SECONDS
    while time.monotonic() < give_up_at:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        outcome = json.loads(message.value() or "{}")
        event = outcome.get("event", {})
        if (event.get("source"), event.get("id")) == (SOURCE, event_id):
            return outcome
    raise TimeoutError(f"no outcome after {OUTCOME_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 1 else __doc__)
