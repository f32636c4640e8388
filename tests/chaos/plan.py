"""What will happen in a run, made from a seed alone. Pure: the same seed is the same plan for ever."""

import random
from dataclasses import dataclass
from typing import Literal

from consumer.emulator.faults import Fault
from tests.chaos.labels import LABELS

# What Zoho makes of an event: takes it, 400 for its date, 404 for its session; or nobody can read it.
EventKind = Literal["good", "off dates", "unknown session", "unreadable"]
DisruptionKind = Literal[
    "kill",  # SIGKILL to a replica, which is started again
    "stop",  # SIGTERM, likewise
    "freeze",  # SIGSTOP, SIGCONT
    "broker kill",
    "broker freeze",
    "cut",  # nothing passes between a replica and the broker; what was sent arrives later
    "reset",  # the same connections are reset and new ones refused
    "lock",  # Zoho locks the API, as others' calls might make it do
    "outage",  # 503 from Zoho's gateway, whatever is asked
    "refuse",  # Zoho refuses connections
    "tokens die",
    "fault",  # one of Zoho's faults, for a few calls
]

PARTITIONS = 2
SESSION_TIMEOUT_SECONDS = 2.0
_SESSIONS = 95
_EVENTS = 240
_GOOD: tuple[EventKind, ...] = ("good",) * 17
_OF_REPLICAS: tuple[DisruptionKind, ...] = ("kill", "stop", "freeze", "cut", "reset")
_OF_BROKER: tuple[DisruptionKind, ...] = ("broker kill", "broker freeze")
_OF_ZOHO: tuple[DisruptionKind, ...] = ("lock", "outage", "refuse", "tokens die", "fault", "fault")
_FAULTS = (
    Fault("status", status=503, calls=3),
    Fault("hang", calls=2),
    Fault("hang_after_effect", calls=2),
    Fault("late_effect", calls=1, seconds=0.5),
    Fault("slow", calls=4, seconds=1.0),
    Fault("reset_before_effect", calls=2),
    Fault("reset_after_effect", calls=2),
    Fault("truncated", calls=1),
    Fault("token_dead", calls=1),
    Fault("maximum_limit", calls=1),
    Fault("mint_status", calls=1),
)


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """One event. Its `id` is also the session's new name; `describes`: it sets a description, too.

    `at`: when it is published, in seconds of the run.
    """

    id: str
    session: int
    kind: EventKind
    describes: bool
    at: float

    @property
    def partition(self) -> int:
        """A session's events are in one partition, so they have an order."""
        return self.session % PARTITIONS


@dataclass(frozen=True, slots=True)
class Ambush:
    """A replica's first life kills itself at the `nth` passage of the label, and is back `seconds` later.

    Or it freezes there, for so long.
    """

    replica: int
    label: str
    nth: int
    deed: Literal["kill", "freeze"]
    seconds: float


@dataclass(frozen=True, slots=True)
class Disruption:
    """Begins `at` and lasts `seconds` (of a replica that ends: until it is started again)."""

    at: float
    kind: DisruptionKind
    seconds: float = 0.0
    replica: int | None = None
    fault: Fault | None = None

    def __str__(self) -> str:
        """For the timeline."""
        whose = "" if self.replica is None else f" replica {self.replica}"
        what = "" if self.fault is None else f" {self.fault.kind} for {self.fault.calls} calls"
        lasts = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{self.kind}{whose}{what}{lasts}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. The quota is `requests` in `window_seconds`; replica 0 is the first owner."""

    seed: int
    replicas: int
    requests: int
    window_seconds: float
    lock_seconds: float
    answer_seconds: float
    events: tuple[PlannedEvent, ...]
    ambushes: tuple[Ambush, ...]
    disruptions: tuple[Disruption, ...]

    @property
    def seconds(self) -> float:
        """When the last disruption is over and everything is published."""
        ends = [disruption.at + disruption.seconds for disruption in self.disruptions]
        return max([0.0, *ends, *(event.at for event in self.events)])


def plan(seed: int) -> Plan:
    """The plan of this seed."""
    chance = random.Random(seed)
    replicas = chance.choice((1, 2, 2, 3))
    requests, window_seconds = chance.choice(((30, 3.0), (30, 5.0)))
    return Plan(
        seed=seed,
        replicas=replicas,
        requests=requests,
        window_seconds=window_seconds,
        lock_seconds=2.0,
        answer_seconds=chance.choice((0.01, 0.05, 0.2)),
        events=_events(chance),
        ambushes=_ambushes(chance, replicas),
        disruptions=_disruptions(chance, replicas),
    )


def _events(chance: random.Random) -> tuple[PlannedEvent, ...]:
    kinds: tuple[EventKind, ...] = (*_GOOD, "off dates", "unknown session", "unreadable")
    late_at = round(chance.uniform(2.0, 6.0), 2)
    events = []
    for number in range(_EVENTS):
        kind = chance.choice(kinds)
        # Sessions from 100 on are unknown to Zoho.
        session = chance.randrange(_SESSIONS) + (100 if kind == "unknown session" else 0)
        at = 0.0 if number < _EVENTS * 2 // 3 else late_at
        events.append(PlannedEvent(f"e{number}", session, kind, chance.random() < 0.3, at))
    return tuple(events)


def _ambushes(chance: random.Random, replicas: int) -> tuple[Ambush, ...]:
    found = []
    for replica in range(chance.randint(1, min(2, replicas))):
        label, nth = chance.choice(list(LABELS)), chance.choice((1, 3, 10, 35))
        freezes = chance.random() < 0.4
        # Past the session time-out, so that another one owns the account when it wakes.
        seconds = chance.uniform(1.5, 2.5) * SESSION_TIMEOUT_SECONDS if freezes else chance.uniform(0.0, 4.0)
        found.append(Ambush(replica, label, nth, "freeze" if freezes else "kill", round(seconds, 2)))
    return tuple(found)


def _disruptions(chance: random.Random, replicas: int) -> tuple[Disruption, ...]:
    found = [_of_replica(chance, chance.randrange(replicas)) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.5:
        kind = chance.choice(_OF_BROKER)
        found.append(Disruption(_moment(chance), kind, round(chance.uniform(0.5, 3.0), 2)))
    for _ in range(chance.randint(1, 2)):
        kind = chance.choice(_OF_ZOHO)
        fault = chance.choice(_FAULTS) if kind == "fault" else None
        seconds = 0.0 if kind in ("fault", "tokens die") else round(chance.uniform(0.5, 3.0), 2)
        found.append(Disruption(_moment(chance), kind, seconds, fault=fault))
    return tuple(sorted(found, key=lambda disruption: disruption.at))


def _of_replica(chance: random.Random, replica: int) -> Disruption:
    kind = chance.choice(_OF_REPLICAS)
    # Both sides of the session time-out: evicted, and back just in time.
    shortest, longest = (0.0, 4.0) if kind in ("kill", "stop") else (0.5, 2.5 * SESSION_TIMEOUT_SECONDS)
    return Disruption(_moment(chance), kind, round(chance.uniform(shortest, longest), 2), replica)


def _moment(chance: random.Random) -> float:
    return round(chance.uniform(0.5, 9.0), 2)
