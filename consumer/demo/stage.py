"""The demo's stage: broker, Zoho and the real consumer, and what has become of every event."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from consumer.app import App
from consumer.demo.broker import EmbeddedBroker
from consumer.demo.catalogue import ZONE, Catalogue, Story
from consumer.emulator.options import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from consumer.events.model import Event, EventRules
from consumer.events.reading import read_record
from consumer.events.zones import load_zone
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError
from consumer.records import Record
from consumer.settings import SettingsError, load_settings
from consumer.telemetry.lines import describe_exception
from schemas import dead_letter as names

SOURCE = "training.session.changed"
# A minute is 3 s here, the lock of five minutes 1 s; the 30 calls are the real ones.
LIMITS = Limits(requests=30, window_seconds=3.0, lock_seconds=1.0)


@dataclass(slots=True)
class Stage:
    """What runs, and the stories told so far."""

    broker: EmbeddedBroker
    zoho: Emulator
    app: App
    running: asyncio.Future[None]
    settings: dict[str, str]
    told: list[Story] = field(default_factory=list)

    def tell(self, stories: Iterable[Story]) -> None:
        """Publish the stories' events."""
        new = list(stories)
        self.told += new
        self.broker.publish(story.record for story in new)

    def why_ended(self) -> str | None:
        """Why the consumer ended before it was told to; None while it runs."""
        if not self.running.done():
            return None
        error = self.running.exception()
        if error is None:
            return "it stopped by itself"
        known = isinstance(error, SettingsError | KafkaRefusedError | KafkaUnreachableError)
        return str(error) if known else describe_exception(error)

    def done(self, outcome: str = "") -> int:
        """Events with an outcome, or with this one, by the consumer's own metric."""
        lines = self.app.render_metrics().decode().splitlines()
        counts = (
            line.rsplit(" ", 1)[1]
            for line in lines
            if line.startswith("session_consumer_events_total{") and f'outcome="{outcome}' in line
        )
        return round(sum(float(count) for count in counts))

    def dead_letters(self) -> list[Record]:
        """What is in the dead-letter topic."""
        return self.broker.read(f"{SOURCE}.dlq")

    def problems(self, letters: list[Record]) -> list[str]:
        """Where the result is not what it must be: the demo checks itself. Empty: all is well."""
        found = {text(letter, names.EVENT_ID): text(letter, names.ERROR_CLASS) for letter in letters}
        expected = {story.event_id: str(story.error_class) for story in self.told if story.error_class}
        problems = [
            f"event {event_id} should be dead-lettered as {wanted}, not {found.get(event_id)}"
            for event_id, wanted in expected.items()
            if found.get(event_id) != wanted
        ]
        problems += [f"event {event_id} should be applied" for event_id in found if event_id not in expected]
        for session_id, fields in _wanted_fields(self.told).items():
            session = self.zoho.session(session_id)
            if session is None or session.fields != fields:
                problems.append(f"session {session_id} is not in Zoho as it was last published")
        audit = self.zoho.audit()
        if audit.most_in_window > LIMITS.requests or audit.locks:
            problems.append(f"{audit.most_in_window} calls in a window, {audit.locks} locks")
        return problems


@asynccontextmanager
async def set_up(catalogue: Catalogue) -> AsyncIterator[Stage]:
    """Everything running; leaving stops the consumer cleanly, then Zoho, then the broker."""
    with EmbeddedBroker() as broker:
        for topic in (SOURCE, f"{SOURCE}.dlq", f"{SOURCE}.replay", f"{SOURCE}.outcomes"):
            broker.create(topic)
        async with Emulator(EmulatorOptions(limits=LIMITS, faults=tuple(catalogue.faults()))) as zoho:
            settings = _settings(broker, zoho)
            app = App(load_settings(settings), settings, check_topics=False)
            running = asyncio.ensure_future(app.run())
            try:
                yield Stage(broker, zoho, app, running, settings)
            finally:
                ended_early = running.done()  # then `why_ended` has told of it
                app.stop()
                await asyncio.wait([running])
                if not ended_early:
                    running.result()


def text(letter: Record, name: str) -> str | None:
    """A header of a dead letter, as text."""
    values = [value for key, value in letter.headers if key == name and value is not None]
    return values[-1].decode(errors="replace") if values else None


def _settings(broker: EmbeddedBroker, zoho: Emulator) -> dict[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return {
        "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "CONSUMER_SOURCE_TOPIC": SOURCE,
        "CONSUMER_ZOHO_PEOPLE_URL": zoho.url,
        "CONSUMER_ZOHO_ACCOUNTS_URL": zoho.url,
        "CONSUMER_ZOHO_CLIENT_ID": CLIENT_ID,
        "CONSUMER_ZOHO_CLIENT_SECRET": CLIENT_SECRET,
        "CONSUMER_ZOHO_REFRESH_TOKEN": REFRESH_TOKEN,
        "CONSUMER_ZOHO_TIME_ZONE": ZONE,
        "CONSUMER_ZOHO_TIMEOUT_SECONDS": "3",
        "CONSUMER_QUOTA_WINDOW_SECONDS": f"{LIMITS.window_seconds:g}",
        "CONSUMER_QUOTA_LOCK_SECONDS": f"{LIMITS.lock_seconds:g}",
        "CONSUMER_QUOTA_ABORT_MARGIN_SECONDS": "0.2",
        "CONSUMER_ATTEMPTS": "3",
        "CONSUMER_SHUTDOWN_SECONDS": "10",
        "CONSUMER_HTTP_HOST": "127.0.0.1",
        "CONSUMER_HTTP_PORT": str(port),
    }


def _wanted_fields(stories: Iterable[Story]) -> dict[str, dict[str, str]]:
    """What each good session must look like: its events' fields, one over the other, in order."""
    rules = EventRules(load_zone(ZONE))
    wanted: dict[str, dict[str, str]] = {}
    for story in stories:
        if story.error_class is None:
            event = read_record(story.record, rules, 2.0**40)
            if isinstance(event, Event):
                wanted.setdefault(event.session.session_id, {}).update(event.session_data)
    return wanted
