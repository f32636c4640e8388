"""The quota: a slot per call, free again one window after the call's answer (law 2). Pure.

Zoho counts a call somewhere between its start and its answer. A slot is held from the start until one
window after the answer, so whatever the network does, no window at Zoho holds more than `requests`
calls: among more than that, take the one that started last; every other one arrived less than a window
before, was answered later still, and so still held a slot: one slot too many.

A call needs a reservation as well: a note of it in the group's commit, made before the call, so that
whoever takes over knows of every call that may have been made (see `quota_state`).
"""

import math
from dataclasses import dataclass, replace

# Two machines' clocks may run at rates that differ by this share; a quartz clock is within 0.01 %.
CLOCK_RATE_MARGIN = 0.001
# A reservation is not used for a call in its last tenth: the connection has to come up in time.
USABLE_SHARE = 0.9
# So long before a slot is free its reservation is made, as a share of a reservation's life.
LEAD_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """The account's quota, at most `requests` calls in any `window_seconds`, and what bounds a call's end.

    A reservation is void after `reservation_seconds`, a call over after `call_seconds`, and one that was
    aborted may arrive for `abort_margin_seconds` more. Two hosts' clocks differ by at most
    `clock_margin_seconds`.
    """

    requests: int = 30
    window_seconds: float = 60.0
    abort_margin_seconds: float = 10.0
    reservation_seconds: float = 5.0
    call_seconds: float = 15.0
    clock_margin_seconds: float = 1.0

    @property
    def hold_seconds(self) -> float:
        """How long after its answer a call still holds its slot."""
        return self.window_seconds * (1 + CLOCK_RATE_MARGIN)

    @property
    def lead_seconds(self) -> float:
        """How long before it is needed a reservation is made."""
        return self.reservation_seconds * LEAD_SHARE

    @property
    def longest_seconds(self) -> float:
        """From a reservation until its call, if there was one, can't arrive any more."""
        return self.reservation_seconds + self.call_seconds + self.abort_margin_seconds


@dataclass(frozen=True, slots=True)
class Quota:
    """Who holds the slots. Times are epoch seconds of a steady clock.

    `answered`: the answer times of calls that still hold a slot, ascending.
    `inherited`: the same of calls that former owners made, by their clocks, and `pending`: when calls of
    theirs must be over whose answers are not known. Both get the clock margin where they are used, once
    however many owners they have come through.
    `in_flight`: (slot number, reservation time) of the calls without an answer yet.
    `reserved`: the same of slots that no call has taken yet; those numbered below `recorded_below` are
    in an acknowledged commit.
    `day` and `day_calls`: our own calls of the day that began at `day` (0: none counted yet).
    """

    answered: tuple[float, ...] = ()
    inherited: tuple[float, ...] = ()
    pending: tuple[float, ...] = ()
    in_flight: tuple[tuple[int, float], ...] = ()
    reserved: tuple[tuple[int, float], ...] = ()
    next_slot: int = 1
    recorded_below: int = 1
    day: float = 0.0
    day_calls: int = 0

    def held(self, limits: QuotaLimits, now: float) -> list[float]:
        """The answer times of the calls that hold a slot at `now`, ascending; those to come among them."""
        margin = limits.clock_margin_seconds
        every = (*self.answered, *(at + margin for at in (*self.inherited, *self.pending)))
        return sorted(at for at in every if at + limits.hold_seconds > now)

    def used(self, limits: QuotaLimits, now: float) -> int:
        """Slots held at `now`."""
        return len(self.held(limits, now)) + len(self.in_flight)

    def free(self, limits: QuotaLimits, now: float) -> int:
        """Slots free at `now`, or at a later time if no call ends before; 0 or more."""
        return max(0, limits.requests - self.used(limits, now))

    def next_free_at(self, limits: QuotaLimits, now: float) -> float | None:
        """When the next slot is free: `now` if one is, None if only an answer can free one."""
        if self.free(limits, now) > 0:
            return now
        # With r slots and f calls in flight, a slot is free once fewer than r - f answers still hold one.
        held = self.held(limits, now)
        wanted = len(held) - (limits.requests - len(self.in_flight))
        return held[wanted] + limits.hold_seconds if 0 <= wanted < len(held) else None

    def quiet_until(self, limits: QuotaLimits) -> float:
        """No call is made before: one of a former owner's may be under way until then."""
        return max(self.pending, default=-math.inf) + limits.clock_margin_seconds

    def reserve(self, limits: QuotaLimits, count: int, now: float) -> "Quota":
        """Note that up to `count` more calls are about to be made; void reservations go.

        Never more than `requests` in all: that many can be written down.
        """
        young = limits.reservation_seconds * USABLE_SHARE
        kept = tuple(entry for entry in self.reserved if entry[1] + young > now)
        count = max(0, min(count, limits.requests - len(kept) - len(self.in_flight)))
        new = tuple((self.next_slot + n, now) for n in range(count))
        return replace(self, reserved=(*kept, *new), next_slot=self.next_slot + len(new))

    def recorded(self, below: int) -> "Quota":
        """A commit that held the reservations numbered below was acknowledged."""
        return replace(self, recorded_below=max(self.recorded_below, below))

    def usable(self, limits: QuotaLimits, at: float, *, recorded: bool = False) -> int:
        """Reservations that a call can still start with at `at`; or only those that are recorded."""
        young = limits.reservation_seconds * USABLE_SHARE
        return sum(
            at < reserved_at + young and (slot < self.recorded_below or not recorded)
            for slot, reserved_at in self.reserved
        )

    def without_reservations(self) -> "Quota":
        """No call will be made with what is reserved."""
        return replace(self, reserved=())

    def take(self, limits: QuotaLimits, now: float) -> tuple["Quota", int]:
        """A call starts with the oldest recorded reservation: the new state and the slot's number.

        Raises ValueError if no slot is free, or no reservation is recorded and usable.
        """
        if self.free(limits, now) < 1:
            raise ValueError("no slot is free")
        young = limits.reservation_seconds * USABLE_SHARE
        for entry in self.reserved:
            if entry[0] < self.recorded_below and now < entry[1] + young:
                break
        else:
            raise ValueError("no reservation is recorded")
        oldest = now - limits.hold_seconds
        return (
            replace(
                self,
                answered=tuple(at for at in self.answered if at > oldest),
                inherited=tuple(at for at in self.inherited if at + limits.clock_margin_seconds > oldest),
                pending=tuple(at for at in self.pending if at + limits.clock_margin_seconds > oldest),
                in_flight=(*self.in_flight, entry),
                reserved=tuple(each for each in self.reserved if each != entry),
                day_calls=self.day_calls + 1,
            ),
            entry[0],
        )

    def is_young(self, limits: QuotaLimits, slot: int, now: float) -> bool:
        """Whether the call of `slot`, which is in flight, may still be sent."""
        return any(
            number == slot and now < reserved_at + limits.reservation_seconds
            for number, reserved_at in self.in_flight
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

    def _without(self, slot: int) -> tuple[tuple[int, float], ...]:
        rest = tuple(entry for entry in self.in_flight if entry[0] != slot)
        if len(rest) == len(self.in_flight):
            raise ValueError(f"slot {slot} is not in flight")
        return rest
