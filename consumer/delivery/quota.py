"""The quota: a slot per call, free again one window after the call's answer (law 2). Pure.

Zoho counts a call somewhere between its start and its answer. A slot is held from the start until one
window after the answer, so whatever the network does, no window at Zoho holds more than `requests`
calls: among more than that, take the one that started last; every other one arrived less than a window
before, was answered later still, and so still held a slot: one slot too many.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

# Two machines' clocks may run at rates that differ by this share; a quartz clock is within 0.01 %.
CLOCK_RATE_MARGIN = 0.001
STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """The account's quota: at most `requests` calls in any `window_seconds`."""

    requests: int = 30
    window_seconds: float = 60.0
    abort_margin_seconds: float = 10.0

    @property
    def hold_seconds(self) -> float:
        """How long after its answer a call still holds its slot."""
        return self.window_seconds * (1 + CLOCK_RATE_MARGIN)


@dataclass(frozen=True, slots=True)
class Quota:
    """Who holds the slots: one serialisable value. Times are epoch seconds of a steady clock.

    `answered`: the answer times of calls that still hold a slot, ascending.
    `in_flight`: (slot number, start time) of the calls without an answer yet.
    `day` and `day_calls`: our own calls of the day that began at `day` (0: none counted yet).
    """

    answered: tuple[float, ...] = ()
    in_flight: tuple[tuple[int, float], ...] = ()
    next_slot: int = 1
    day: float = 0.0
    day_calls: int = 0

    def used(self, limits: QuotaLimits, now: float) -> int:
        """Slots held at `now`."""
        held = sum(1 for at in self.answered if at + limits.hold_seconds > now)
        return held + len(self.in_flight)

    def free(self, limits: QuotaLimits, now: float) -> int:
        """Slots free at `now`, 0 or more."""
        return max(0, limits.requests - self.used(limits, now))

    def next_free_at(self, limits: QuotaLimits, now: float) -> float | None:
        """When the next slot is free: `now` if one is, None if only an answer can free one."""
        if self.free(limits, now) > 0:
            return now
        # With r slots and f calls in flight, a slot is free once fewer than r - f answers still hold one.
        held = [at for at in self.answered if at + limits.hold_seconds > now]
        wanted = len(held) - (limits.requests - len(self.in_flight))
        return held[wanted] + limits.hold_seconds if 0 <= wanted < len(held) else None

    def take(self, limits: QuotaLimits, now: float) -> tuple["Quota", int]:
        """A call starts: the new state and the slot's number. Raises ValueError if no slot is free."""
        if self.free(limits, now) < 1:
            raise ValueError("no slot is free")
        slot = self.next_slot
        kept = tuple(at for at in self.answered if at + limits.hold_seconds > now)
        return (
            replace(
                self,
                answered=kept,
                in_flight=(*self.in_flight, (slot, now)),
                next_slot=slot + 1,
                day_calls=self.day_calls + 1,
            ),
            slot,
        )

    def answer(self, slot: int, at: float) -> "Quota":
        """The call of `slot` was answered at `at`."""
        return replace(self, answered=tuple(sorted((*self.answered, at))), in_flight=self._without(slot))

    def abort(self, slot: int, limits: QuotaLimits, now: float) -> "Quota":
        """The call of `slot` ended without an answer: it may arrive yet, within the abort margin."""
        return self.answer(slot, now + limits.abort_margin_seconds)

    def give_back(self, slot: int) -> "Quota":
        """The call of `slot` never reached Zoho: its connection did not come up."""
        return replace(self, in_flight=self._without(slot), day_calls=max(0, self.day_calls - 1))

    def on_day(self, day: float) -> "Quota":
        """The day's count begins anew where `day`, the start of today, is another one."""
        return self if day == self.day else replace(self, day=day, day_calls=0)

    def to_text(self) -> str:
        """As compact JSON, times in milliseconds: some 500 characters for 30 slots."""
        return json.dumps(
            {
                "v": STATE_VERSION,
                "answered": [round(at * 1000) for at in self.answered],
                "inFlight": [[slot, round(at * 1000)] for slot, at in self.in_flight],
                "nextSlot": self.next_slot,
                "day": round(self.day * 1000),
                "dayCalls": self.day_calls,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_text(cls, text: str) -> "Quota":
        """The inverse of `to_text`. Raises ValueError for anything else."""
        try:
            state: Any = json.loads(text)
            if state["v"] != STATE_VERSION:
                raise ValueError(f"version {state['v']!r} is not {STATE_VERSION}")
            return cls(
                answered=tuple(sorted(int(at) / 1000 for at in state["answered"])),
                in_flight=tuple((int(slot), int(at) / 1000) for slot, at in state["inFlight"]),
                next_slot=int(state["nextSlot"]),
                day=int(state["day"]) / 1000,
                day_calls=int(state["dayCalls"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as exc:
            raise ValueError(f"not a quota state: {type(exc).__name__}") from exc

    def _without(self, slot: int) -> tuple[tuple[int, float], ...]:
        rest = tuple(entry for entry in self.in_flight if entry[0] != slot)
        if len(rest) == len(self.in_flight):
            raise ValueError(f"slot {slot} is not in flight")
        return rest
