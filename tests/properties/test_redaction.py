"""What is masked for a ticket: no content gets through, in any form, from any place."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.delivery.verdicts import ZohoAnswer
from consumer.dlq.redaction import redact
from consumer.records import Headers, Record
from tests.fakes.exports import all_forms, exported
from tests.unit.events.samples import BINARY, STRUCTURED, full_event

# Without x and 9, which masks are made of, and long enough not to be there by chance.
SECRETS = st.text("abdfhjkmpqrtuvwzBDFHJKMQ0134567éß漢", min_size=9, max_size=90).filter(
    lambda text: not text.isdecimal()
) | st.text("0134567", min_size=9, max_size=30)
WORDS = SECRETS.filter(lambda text: not text.isdecimal())


@dataclass(frozen=True)
class Scene:
    """An event and how it is sent, before the secret is planted."""

    event: dict[str, Any]
    key: bytes | None = b"478346000019553023"
    headers: Headers = ()
    raw: bytes | None = None
    answer: ZohoAnswer | None = None

    def record(self, *, structured: bool) -> Record:
        """In one of both modes."""
        value: object = self.event if structured else self.event.get("data")
        ours = (
            STRUCTURED
            if structured
            else tuple(
                (name, str(self.event["source"]).encode() if name == "ce_source" else text)
                for name, text in BINARY
            )
        )
        raw = self.raw if self.raw is not None else json.dumps(value, ensure_ascii=False).encode()
        return Record("t", 0, 7, 0, self.key, raw, (*ours, *self.headers))


Plant = Callable[[Scene, str], Scene]


def field(*path: str) -> Plant:
    """In this field of the event."""

    def plant(scene: Scene, secret: str) -> Scene:
        place = scene.event
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = secret
        return scene

    return plant


def named(*path: str) -> Plant:
    """As a field's name there."""
    return lambda scene, secret: field(*path, secret)(scene, "1")


def header(name: str) -> Plant:
    """As a header's value."""
    return lambda scene, secret: replace(scene, headers=(*scene.headers, (name, secret.encode())))


SESSION = ("data", "session")
PLACES: dict[str, Plant] = {
    **{
        "/".join(path): field(*path)
        for path in (
            *((*SESSION, each) for each in ("name", "trainerId", "startsAt", "endsAt", "description")),
            *((*SESSION, each) for each in ("roomId", "lockedUntil", "gradeCategoryId", "unknown")),
            (*SESSION, "deep", "deeper"),
            ("data", "unknown"),
            ("data", "session"),
            ("data",),
            ("unknown",),
            ("subject",),
        )
    },
    "name in session": named(*SESSION),
    "name in data": named("data"),
    "name in event": named(),
    "in a list": lambda scene, secret: field(*SESSION, "name")(scene, [secret, {"a": secret}]),  # type: ignore[arg-type]
    "key": lambda scene, secret: replace(scene, key=b"a " + secret.encode()),
    "key, no text": lambda scene, secret: replace(scene, key=b"\xff" + secret.encode()),
    "header": header("tenant"),
    "header, extension": header("ce_subject"),
    "header, renamed": header("dlq.replay.by"),
    "header, no text": lambda scene, secret: replace(scene, headers=(("a", b"\xff" + secret.encode()),)),
    "header's name": lambda scene, secret: replace(
        scene, headers=((secret, b"1"), ("\udcff" + secret, None))
    ),
    "not JSON": lambda scene, secret: replace(scene, raw=b'{"name": "' + secret.encode()),
    "not UTF-8": lambda scene, secret: replace(scene, raw=b"\xff" + secret.encode()),
    "no object": lambda scene, secret: replace(scene, raw=json.dumps([secret]).encode()),
    "repeated name": lambda scene, secret: replace(
        scene, raw=json.dumps({"name": secret, "Name": secret}).replace("Name", "name").encode()
    ),
    "Zoho's message": lambda scene, secret: replace(scene, answer=ZohoAnswer(400, "12", f"bad {secret}")),
    "source's user": lambda scene, secret: field("source")(scene, f"https://a:{secret}@host/b"),
    "source's user, encoded": lambda scene, secret: field("source")(scene, f"mailto:{secret}%40host"),
    "source's query": lambda scene, secret: field("source")(scene, f"https://host/b?t={secret}"),
    "source's fragment": lambda scene, secret: field("source")(scene, f"https://host/b#{secret}?c"),
}
# Where digits are an id, and kept.
OF_WORDS: dict[str, Plant] = {
    **{name: field("data", name) for name in ("courseId", "batchId", "moduleId", "sessionId", "revision")},
    "delivery": field(*SESSION, "delivery"),
    "time": field("time"),
    "key, alone": lambda scene, secret: replace(scene, key=secret.encode()),
    "Zoho's code": lambda scene, secret: replace(scene, answer=ZohoAnswer(400, secret, "bad")),
}


@pytest.mark.claim("S-65")
@pytest.mark.parametrize("place", [*PLACES, *OF_WORDS])
@settings(max_examples=15, deadline=None)
@given(drawn=st.data(), structured=st.booleans())
def test_no_secret_is_in_a_redacted_export(
    place: str, drawn: st.DataObject, structured: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither as it is, nor in another case, nor in base64."""
    secret = drawn.draw(SECRETS if place in PLACES else WORDS)
    scene = {**PLACES, **OF_WORDS}[place](Scene(full_event()), secret)
    record = scene.record(structured=structured)

    plain = exported(record, scene.answer)
    masked = redact(*plain)

    found = (
        b"\n".join(all_forms(*masked, tmp_path_factory.mktemp("e") / "out", redacted=True))
        .decode()
        .casefold()
    )
    for trace in (secret, json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode()[:-4]):
        assert trace.casefold() not in found
    assert plain[0].keys() == masked[0].keys()


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=60), key=st.none() | st.binary(max_size=40))
def test_anything_can_be_redacted(raw: bytes, key: bytes | None) -> None:
    """Whatever bytes there are, and what is masked stays JSON where it was."""
    for headers in (STRUCTURED, BINARY, ()):
        masked, contents = redact(*exported(Record("t", 0, 7, 0, key, raw, headers)))

        json.dumps(masked)
        assert contents.value is not None
        assert (key is None) == (contents.key is None)
