"""What can be done by writing events to the source topic: claims of docs/security.md."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from consumer.events.model import Event, InputStyle, SessionKey
from consumer.events.reading import read_record
from consumer.records import Headers, Record
from consumer.zoho.client import ZohoRules, open_zoho
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import binary, data, dead_letters, finished
from tests.kafka_broker.traffic import Outgoing, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for
from tests.unit.events.samples import (
    BINARY,
    KOLKATA,
    NOW,
    STRUCTURED,
    full_event,
    record,
    refused,
    session_event,
)
from tests.unit.zoho.far_side import answering, far_side, response, token_response
from tests.unit.zoho.test_client import CREDENTIAL

IDS = ("courseId", "batchId", "moduleId", "sessionId")
NOT_IDS = (
    *(
        "..",
        "../../admin",
        "1/../2",
        "1%2f2",
        "1?x=1",
        "1#x",
        "1;x",
        "1\r\nHost: evil",
        "1\n",
        " 1",
        "1 ",
        "+1",
        "-1",
    ),
    *(" 1", "0x1", "1e3", "１２", "٣", "²", "1\u0000", "", "@evil", "http://evil/", "1" * 31, "1_000"),
)


@pytest.mark.claim("S-01")
@pytest.mark.parametrize("name", [*IDS, "trainerId", "roomId", "gradeCategoryId"])
@pytest.mark.parametrize("odd", NOT_IDS)
def test_no_id_but_digits_is_taken(name: str, odd: str) -> None:
    """Ids are in the path of the call, so nothing else gets there."""
    if name in IDS:
        reading = refused(full_event(lambda event: event["data"].update({name: odd})))
        assert [f"/data/{name}"] == [each.pointer for each in reading.problems]
    else:
        reading = refused(session_event(**{name: odd}))
        assert [f"/data/session/{name}"] == [each.pointer for each in reading.problems]


INJECTION = (
    "x\r\nAuthorization: Zoho-oauthtoken evil\r\nHost: evil\r\n\r\n"
    "PATCH /evil HTTP/1.1\r\n\r\n&sessionData={}#?\u2028"
)


@pytest.mark.claim("S-02")
@pytest.mark.parametrize("style", ["query", "json", "form", "both"])
async def test_no_text_of_an_event_adds_a_header_a_parameter_or_a_request(style: InputStyle) -> None:
    """On the wire there is one request, with our headers, our path and one `sessionData`."""
    fields = {"name": INJECTION, "description": INJECTION}
    event = read_record(record(session_event(**fields)), KOLKATA, NOW)
    assert isinstance(event, Event)
    session = SessionKey("1", "2", "3", "4/../5")  # should one ever get this far
    async with far_side(answering(response())) as people, far_side(answering(token_response())) as accounts:
        rules = ZohoRules(people.url, accounts.url, style)
        async with open_zoho(rules, CREDENTIAL, lambda: NOW) as client:
            await client.update_session(session, event.session_data, lambda: True)
        [asked] = people.requests

    head, _, body = asked.partition(b"\r\n\r\n")
    request_line, *lines = head.decode("ascii").split("\r\n")
    names = sorted(line.partition(":")[0].lower() for line in lines)
    method, target, version = request_line.split(" ")
    assert ("PATCH", "HTTP/1.1") == (method, version)
    assert "/api/v1/courses/1/batches/2/modules/3/sessions/4%2F..%2F5" == urlsplit(target).path
    if style in ("query", "both"):
        assert ["sessionData"] == list(parse_qs(urlsplit(target).query, strict_parsing=True))
    if style in ("json", "both"):
        assert event.session_data == json.loads(body)
    if style == "form":
        assert ["sessionData"] == list(parse_qs(body.decode("ascii"), strict_parsing=True))
    assert {"host", "authorization", "accept", "accept-encoding", "user-agent"} <= set(names)
    assert len(names) == len(set(names))
    assert not [line for line in lines if "evil" in line]


def costly() -> Iterator[tuple[str, bytes | None, Headers]]:
    """Values of 256 KiB and headers that might cost time: each is one that some reader fell for."""
    most = 262_144
    fill = {
        "digits": b'{"a":%s}' % (b"9" * (most - 8)),
        "digits of a float": b'{"a":0.%s}' % (b"9" * (most - 9)),
        "an exponent": b'{"a":1e%s}' % (b"9" * (most - 9)),
        "numbers of 400 digits": b"[" + b",".join([b"9" * 400] * 640) + b"]",
        "opened": b"[" * most,
        "opened objects": b'{"a":' * (most // 5),
        "open and shut": b"[]," * (most // 3),
        "quotes": b'"' * most,
        "backslashes": b'{"a":"' + b"\\" * (most - 8) + b'"}',
        "halves of pairs": b'{"a":"' + b"\\ud800" * (most // 6 - 2) + b'"}',
        "pairs and a half": b'{"a":"' + b"\\ud83d\\ude00" * (most // 12 - 2) + b'\\ud800"}',
        "one key again and again": b"{" + b'"a":1,' * (most // 6 - 1) + b'"a":1}',
        "keys with one at the end again": b"{" + b",".join(b'"%x":1' % n for n in range(20_000)) + b',"0":1}',
        "NaN at the end": b"[" + b'"NaN",' * (most // 6 - 2) + b"NaN]",
        "blanks": b" " * most,
        "a long time": json.dumps(full_event(lambda e: e.update(time="2" * 200_000))).encode(),
        "a long date": json.dumps(
            session_event(startsAt="2026-12-01T10:00:00." + "0" * 200_000 + "Z")
        ).encode(),
        "a name of blanks": json.dumps(session_event(name=" " * 200_000)).encode(),
        "a name of four bytes each": json.dumps(session_event(name="\U0001f600" * 20_000)).encode(),
        "escapes": json.dumps(session_event(description="\u0001" * 40_000)).encode(),
    }
    for name, value in fill.items():
        yield name, value, STRUCTURED
        yield f"{name}, binary", value, BINARY
    good = json.dumps(full_event()).encode()
    yield "100,000 headers", good, tuple((f"h{n}", b"") for n in range(100_000)) + STRUCTURED
    yield "100,000 times ce_id", good, BINARY + (("ce_id", b"x"),) * 100_000
    yield "a content type of 1 MB", good, (("content-type", b";" * 1_000_000),)
    yield "an id of 1 MB", good, tuple((n, b"x" * 1_000_000 if n == "ce_id" else v) for n, v in BINARY)
    yield "a time of 1 MB", good, tuple((n, b"2" * 1_000_000 if n == "ce_time" else v) for n, v in BINARY)


@pytest.mark.claim("S-03")
@pytest.mark.parametrize("case", list(costly()), ids=lambda case: case[0])
def test_no_record_takes_long_to_read(case: tuple[str, bytes | None, Headers]) -> None:
    """At most half a second, where most take a hundredth of a millisecond: the heartbeat goes on."""
    _, value, headers = case
    began = time.process_time()
    read_record(Record("t", 0, 0, 0, None, value, headers), KOLKATA, NOW)

    assert time.process_time() - began < 0.5


def large() -> list[Outgoing]:
    """Records near a broker's bound of 1 MB, in every part of them."""
    good = binary(data(1), "large")
    many = tuple((f"h{n % 7}", bytes([n % 256])) for n in range(10_000))
    ours = tuple(
        (name, b"forged") for name in ("dlq.id", "__dlq.errors.topic", "dlq.error.class", "dlq.replay.count")
    )
    return [
        Outgoing(b"", b"k" * 900_000, good.headers),
        Outgoing(b"not JSON", b"", (("x" * 900_000, b""),)),
        Outgoing(b"not JSON", None, (("x", b"\xff" * 900_000),)),
        Outgoing(b"not JSON", b"k", many),
        Outgoing(b"not JSON", b"k", (*ours, ("ce_id", b"\r\nx: y"), ("", b""))),
    ]


@pytest.mark.claim("S-05")
async def test_whatever_a_record_is_made_of_it_is_dead_lettered_and_the_next_one_applied(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Keys, header names and values of 900 kB, 10,000 headers, our own headers: all kept as they were."""
    made = await topics()
    sent = large()
    await publish(kafka.bootstrap, made.source, [*sent, binary(data(1), "good")])
    async with (
        Emulator(EmulatorOptions(limits=Limits(30, 1.0, 2.0))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url, quota_window_seconds=1)) as process,
    ):
        await finished(process, len(sent) + 1)
        assert 1 == zoho.audit().writes
        assert await process.terminate() == 0

    kept = await dead_letters(kafka.bootstrap, made)
    assert [(each.key, each.value) for each in sent] == [(each.key, each.value) for each in kept]
    for before, after in zip(sent, kept, strict=True):
        own = [(n.removeprefix("original."), v) for n, v in after.headers[: len(before.headers)]]
        assert list(before.headers) == own
        assert 1 == [name for name, _ in after.headers].count("dlq.id")
        found: dict[str, Any] = dict(after.headers)
        assert f"{made.source}:0:".encode() in found["dlq.id"]
