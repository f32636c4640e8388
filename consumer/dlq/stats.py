"""The picture at a glance: how many dead letters there are, by what they are and where they stand. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from consumer.dlq.letter import Letter
from consumer.runbook import advice
from schemas.outcome import DeadLetterStateName

STATES: tuple[DeadLetterStateName, ...] = get_args(DeadLetterStateName)
NO_SOURCE = "(unknown)"


@dataclass(slots=True)
class Count:
    """How many there are in each state, and the oldest one that is open."""

    by_state: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    oldest_open: Letter | None = None

    def add(self, letter: Letter, state: str) -> None:
        """One more."""
        self.by_state[state] += 1
        if state == "open" and (
            self.oldest_open is None or letter.failed_at_seconds < self.oldest_open.failed_at_seconds
        ):
            self.oldest_open = letter

    @property
    def total(self) -> int:
        """In whatever state."""
        return sum(self.by_state.values())

    def to_row(self, now_seconds: float) -> dict[str, Any]:
        """For programs; `oldest_open` is null where none is open."""
        return {
            "total": self.total,
            **self.by_state,
            "oldest_open": None if self.oldest_open is None else _oldest(self.oldest_open, now_seconds),
        }


class Stats:
    """Counts of dead letters, each given once with its state."""

    def __init__(self, now_seconds: float, hours: int) -> None:
        """`hours`: how many of the last ones are told one by one, the present one included."""
        self.now_seconds = now_seconds
        self.all = Count()
        self.by_class: dict[str, Count] = {}
        self.by_source: dict[str, Count] = {}
        self.by_account: dict[str, Count] = {}
        first = datetime.fromtimestamp(now_seconds, UTC).replace(minute=0, second=0, microsecond=0)
        self.by_hour = {first - timedelta(hours=ago): Count() for ago in reversed(range(hours))}
        # Records of the topic that are no dead letters of ours, and copies of those that are.
        self.foreign = 0
        self.copies = 0
        self._began_seconds = min(self.by_hour).timestamp()

    def add(self, letters: Iterable[tuple[Letter, str]]) -> None:
        """Count these."""
        for letter, state in letters:
            self.all.add(letter, state)
            for counts, name in (
                (self.by_class, letter.error_class),
                (self.by_source, letter.event_source or NO_SOURCE),
                (self.by_account, letter.account),
            ):
                count = counts.get(name)
                if count is None:
                    count = counts[name] = Count()
                count.add(letter, state)
            if letter.failed_at_seconds >= self._began_seconds:
                self._add_hour(letter, state)

    def _add_hour(self, letter: Letter, state: str) -> None:
        failed_at = datetime.fromtimestamp(letter.failed_at_seconds, UTC)
        count = self.by_hour.get(failed_at.replace(minute=0, second=0, microsecond=0))
        if count is not None:  # else the clocks differ, and it is yet to come
            count.add(letter, state)

    def classes(self) -> list[tuple[str, Count]]:
        """Those with the most open ones first."""
        return most_open_first(self.by_class)

    def class_rows(self) -> list[dict[str, Any]]:
        """A row for each class, with whose fault it is and what to do next."""
        return [
            {
                "class": name,
                **count.to_row(self.now_seconds),
                **advice(name)._asdict(),
            }
            for name, count in self.classes()
        ]

    def to_object(self) -> dict[str, Any]:
        """All of it for programs; each `by_…` maps to counts by state, the hours oldest first."""
        return {
            "total": self.all.total,
            "by_state": self.all.by_state,
            "oldest_open": self.all.to_row(self.now_seconds)["oldest_open"],
            "by_class": {row.pop("class"): row for row in self.class_rows()},
            "by_account": self._rows(self.by_account),
            "by_source": self._rows(self.by_source),
            "by_hour": {
                hour.isoformat().replace("+00:00", "Z"): {"total": count.total, **count.by_state}
                for hour, count in self.by_hour.items()
            },
            "copies": self.copies,
            "foreign": self.foreign,
        }

    def _rows(self, counts: Mapping[str, Count]) -> dict[str, Any]:
        return {name: count.to_row(self.now_seconds) for name, count in most_open_first(counts)}


def most_open_first(counts: Mapping[str, Count]) -> list[tuple[str, Count]]:
    """Those with the most open ones first, then the most of all, then by name."""
    return sorted(counts.items(), key=lambda each: (-each[1].by_state["open"], -each[1].total, each[0]))


def _oldest(letter: Letter, now_seconds: float) -> dict[str, Any]:
    return {
        "id": letter.id,
        "class": letter.error_class,
        "account": letter.account,
        "failed_at": letter.failed_at,
        "age_seconds": max(0, round(now_seconds - letter.failed_at_seconds)),
    }
