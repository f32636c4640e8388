"""Every kind of bad input ends in the dead-letter topic, bytes untouched, and harms nothing around it."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from consumer.records import Record
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import (
    binary,
    changes,
    data,
    dead_letters,
    finished,
    header,
    last_names,
    names_at_zoho,
)
from tests.kafka_broker.traffic import MAX_BYTES, Outgoing, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

UNREADABLE, INVALID, UNMAPPABLE = "event_unreadable", "event_invalid", "event_unmappable"
TOPIC_BYTES = str(12 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Bad:
    """One bad record, and what must become of it. `pointers`: fields that must be named."""

    why: str
    record: Outgoing
    error_class: str
    pointers: tuple[str, ...] = ()
    retryable: bool = False


def _value(why: str, value: bytes | None, error_class: str = UNREADABLE) -> Bad:
    return Bad(why, binary(value, why), error_class)


def _good(**session: Any) -> bytes:
    return json.dumps(data(0, **session)).encode()


def _patched(old: bytes, new: bytes) -> bytes:
    patched = _good(description="X").replace(old, new)
    assert patched != _good(description="X")
    return patched


def unreadable() -> list[Bad]:
    """What is not JSON by the rules, or in neither CloudEvents mode."""
    good = _good()
    return [
        _value("not json", b"hello"),
        _value("invalid utf-8", _patched(b'"X"', b'"\xff\xfe"')),
        _value("null value", None),
        _value("empty value", b""),
        _value("truncated", good[:-20]),
        _value("an array", b"[]"),
        _value("a number", b"7"),
        _value("10 MB", _good(description="x" * 10_000_000)),
        _value("one byte too large", good + b" " * (256 * 1024 + 1 - len(good))),
        _value("10,000 deep", b"[" * 10_000 + b"]" * 10_000),
        _value("10,000 objects deep", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
        _value("NaN", _patched(b'"X"', b"NaN")),
        _value("Infinity", _patched(b'"X"', b"-Infinity")),
        _value("duplicate keys", _patched(b'"description"', b'"name"')),
        _value("lone surrogate", _patched(b'"X"', b'"\\ud800"')),
        _value("byte order mark", b"\xef\xbb\xbf" + good),
        Bad("no mode", Outgoing(good, b"k", (("x", b"1"),)), UNREADABLE),
        Bad("no headers", Outgoing(good, b"k"), UNREADABLE),
    ]


def invalid() -> list[Bad]:
    """What breaks a rule of the event's contract."""
    late = (datetime.now(tz=UTC) + timedelta(hours=1)).isoformat()
    bad = [
        Bad(f"missing {name}", binary(data(0), f"missing {name}", **{name: None}), INVALID, (f"/{name}",))
        for name in ("source", "type", "time")
    ]
    bad.append(Bad("missing id", replace(_without(binary(data(0)), "ce_id")), INVALID, ("/id",)))
    attributes: dict[str, Any] = {
        "specversion": "0.3",
        "type": "training.session.changed.v2",
        "time": "yesterday",
        "source": "s" * 1025,
    }
    for name, value in attributes.items():
        bad.append(
            Bad(f"wrong {name}", binary(data(0), f"wrong {name}", **{name: value}), INVALID, (f"/{name}",))
        )
    bad += [
        Bad(
            "time without offset",
            binary(data(0), "no offset", time="2026-11-20T10:00:00"),
            INVALID,
            ("/time",),
        ),
        Bad("time ahead", binary(data(0), "ahead", time=late), INVALID, ("/time",), retryable=True),
        Bad(
            "time ahead and more",
            binary(data(0, name=" "), "ahead and more", time=late),
            INVALID,
            ("/time", "/data/session/name"),
        ),
    ]
    for name in ("courseId", "batchId", "moduleId", "sessionId"):
        for why, wrong in {
            "number": 478346000019479103,
            "slash": "1/2",
            "dots": "..",
            "dot": ".",
            "escaped": "1%2f2",
            "NUL": "1\x002",
            "empty": "",
            "null": None,
            "long": "1" * 31,
            "5,000 digits": "9" * 5000,
        }.items():
            event = data(0) | {name: wrong}
            bad.append(Bad(f"{name} {why}", binary(event, f"{name} {why}"), INVALID, (f"/data/{name}",)))
        event = data(0)
        del event[name]
        bad.append(Bad(f"{name} missing", binary(event, f"{name} missing"), INVALID, (f"/data/{name}",)))
    for name in ("name", "trainerId", "delivery", "startsAt", "endsAt"):
        event = data(0)
        del event["session"][name]
        bad.append(
            Bad(f"{name} missing", binary(event, f"{name} missing"), INVALID, (f"/data/session/{name}",))
        )
    wrong_fields: dict[str, list[Any]] = {
        "name": [7, " \t", "x" * 1001, []],
        "trainerId": [7, "x"],
        "delivery": ["Classroom", 0],
        "startsAt": ["2026-02-30T10:00:00Z", "2026-12-01", 7],
        "endsAt": ["soon", {}],
        "description": ["x" * 50_001, 7],
        "roomId": ["", "a"],
        "lockedUntil": ["2026-02-30", "30-11-2026", 7],
        "gradeCategoryId": [1.5, "x"],
    }
    for name, wrongs in wrong_fields.items():
        for i, wrong in enumerate([None, *wrongs]):
            event = data(0)
            event["session"][name] = wrong
            why = f"{name} wrong {i}"
            bad.append(Bad(why, binary(event, why), INVALID, (f"/data/session/{name}",)))
    numbers = json.dumps(data(0)).encode().replace(b'"478346000019479103"', b"9" * 5000)
    bad.append(Bad("a number of 5,000 digits", binary(numbers, "5,000 digits"), INVALID, ("/data/courseId",)))
    bad.append(Bad("revision", binary(data(0) | {"revision": -1}, "revision"), INVALID, ("/data/revision",)))
    return bad


def unmappable() -> list[Bad]:
    """What is valid, but Zoho can't hold. The portal's zone is India's, without daylight saving."""
    cases = {
        "ends before it starts": ("2026-12-01T11:00:00+05:30", "2026-12-01T10:00:00+05:30"),
        "no length": ("2026-12-01T10:00:00+05:30", "2026-12-01T10:00:00+05:30"),
        "crosses midnight in the portal's zone only": (
            "2026-12-01T18:00:00+00:00",
            "2026-12-01T19:00:00+00:00",
        ),
        "ends at midnight": ("2026-12-01T23:00:00+05:30", "2026-12-02T00:00:00+05:30"),
        "seconds": ("2026-12-01T10:00:30+05:30", "2026-12-01T11:00:00+05:30"),
        "a fraction": ("2026-12-01T10:00:00.5+05:30", "2026-12-01T11:00:00+05:30"),
    }
    bad = [
        Bad(why, binary(data(0, startsAt=start, endsAt=end), why), UNMAPPABLE)
        for why, (start, end) in cases.items()
    ]
    bad.append(Bad("too long for a query", binary(data(0, description="ä" * 5_000), "too long"), UNMAPPABLE))
    return bad


def hostile_headers() -> list[Bad]:
    """Headers that are not UTF-8, empty, a thousand, twice, or named like ours: around an invalid event."""
    event = data(0) | {"courseId": "x"}
    base = binary(event, "hostile")
    extra: dict[str, tuple[tuple[str, bytes | None], ...]] = {
        "not UTF-8": (("trace", b"\xff\xfe\x00"),),
        "empty": (("", b""), ("x", None)),
        "1,000": tuple((f"h{i}", b"v") for i in range(1000)),
        "twice": (("x", b"1"), ("x", b"2"), ("x", b"1")),
        "ours": (("dlq.id", b"forged"), ("dlq.error.class", b"forged"), ("__dlq.errors.topic", b"forged")),
    }
    return [
        Bad(f"headers {why}", replace(base, headers=(*base.headers, *more)), INVALID, ("/data/courseId",))
        for why, more in extra.items()
    ]


def _without(record: Outgoing, name: str) -> Outgoing:
    return replace(record, headers=tuple(entry for entry in record.headers if entry[0] != name))


def _kept_headers(record: Outgoing, letter: Record) -> bool:
    """Whether the letter's headers begin with the record's, reserved names prefixed."""
    kept = letter.headers[: len(record.headers)]
    return all(
        value == original and name in (wanted, f"original.{wanted}")
        for (name, value), (wanted, original) in zip(kept, record.headers, strict=True)
    )


async def test_bad_input_is_dead_lettered_untouched_with_its_class_and_how_to_mend_it(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The whole list, between good events of one process: the good ones are applied, the process lives."""
    bad = [*unreadable(), *invalid(), *unmappable(), *hostile_headers()]
    config = {"max.message.bytes": TOPIC_BYTES}
    made = await topics(config=config, dead_letter_config={"max.message.bytes": str(13 * 1024 * 1024)})
    good = changes(30, 10)
    async with Emulator(EmulatorOptions(limits=Limits(30, 3.0, 2.0))) as zoho:
        await publish(kafka.bootstrap, made.source, [*good[:10], *(b.record for b in bad), *good[10:]])
        async with consumer_process(settings_for(kafka, made, zoho.url)) as process:
            await finished(process, len(bad) + len(good))
            assert await process.http_status("/livez") == 200
            assert await process.terminate() == 0

        assert last_names(30, 10) == names_at_zoho(zoho, 10)
        assert zoho.audit().calls == 30
    letters = await dead_letters(kafka.bootstrap, made)
    wrong = []
    assert len(bad) == len(letters)
    for case, letter in zip(bad, letters, strict=True):
        message = header(letter, "__dlq.errors.message") or ""
        details = json.loads(header(letter, "dlq.error.details") or "[]")
        pointers = {entry["pointer"] for entry in details}
        right = (
            (case.record.key, case.record.value) == (letter.key, letter.value)
            and _kept_headers(case.record, letter)
            and case.error_class == header(letter, "dlq.error.class")
            and ("true" if case.retryable else "false") == header(letter, "dlq.error.retryable")
            and 20 < len(message.encode()) <= 1024
            and set(case.pointers) <= pointers
        )
        if not right:
            wrong.append((case.why, header(letter, "dlq.error.class"), message[:200], pointers))
    assert wrong == []


async def test_what_the_broker_took_compressed_is_dead_lettered_compressed(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Key and value of 5 MB each, in topics that take 1 and 2 MiB: the broker judges what arrives."""
    made = await topics()
    spaces = b" " * 5_000_000
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, compression_type="gzip", max_request_size=MAX_BYTES
    )
    await producer.start()
    headers = list(binary(b"", "spaces").headers)
    await producer.send_and_wait(made.source, spaces, spaces, headers=headers)
    await producer.stop()
    async with Emulator(EmulatorOptions(limits=Limits(30, 3.0, 2.0))) as zoho:
        await publish(kafka.bootstrap, made.source, changes(1, 1))
        async with consumer_process(settings_for(kafka, made, zoho.url)) as process:
            await finished(process, 2)
            assert "running" == (await process.account())["state"]
            assert 0 == await process.terminate()

        assert last_names(1, 1) == names_at_zoho(zoho, 1)
    [letter] = await dead_letters(kafka.bootstrap, made)
    assert UNREADABLE == header(letter, "dlq.error.class")
    assert letter.key == letter.value == spaces


async def test_both_modes_at_once_and_unknown_fields_are_no_fault(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """A structured event may carry `ce_` headers, and publishers may add fields and attributes."""
    made = await topics()
    event = {
        "specversion": "1.0", "id": "s1", "source": "/lms", "type": "training.session.changed.v1",
        "time": "2026-11-20T10:00:00Z", "traceparent": "00-x", "data": data(0, "structured") | {"extra": 1},
    }  # fmt: skip
    headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"), ("ce_id", b"other"))
    async with Emulator(EmulatorOptions(limits=Limits(30, 3.0, 2.0))) as zoho:
        await publish(kafka.bootstrap, made.source, [Outgoing(json.dumps(event).encode(), b"k", headers)])
        async with consumer_process(settings_for(kafka, made, zoho.url)) as process:
            await finished(process, 1)
            await process.terminate()

        assert names_at_zoho(zoho, 1) == ["structured"]
