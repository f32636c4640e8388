"""The consumer group, seen from outside: who owns the account, how far it is, what its quota's state says."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from consumer.check.rows import Gravity, Group, Row
from consumer.clock import rfc3339
from consumer.delivery.accounts import PositionLost
from consumer.delivery.commits import Entry, keeper
from consumer.delivery.gate import AccountState, Closed
from consumer.delivery.mint_budget import MAX_MINTS, MintBudget
from consumer.delivery.quota import QuotaLimits
from consumer.delivery.quota_state import Held, QuotaState, read_state, taken_over
from consumer.kafka.inspection import SeenGroup
from consumer.kafka.positions import Bounds, choose_starts, parted
from consumer.records import TopicPartition
from consumer.runbook import url

_SHOWN = 4
_NEXT_STEPS = {
    AccountState.AUTH_FAILED: "Make a new refresh token, or mend the client: its owner's /status says which.",
    AccountState.THROTTLED: "Wait. Where `tokens` is well: look for others who call with this account.",
    AccountState.DAILY_QUOTA: "Wait for the next day, or raise CONSUMER_QUOTA_DAILY_REQUESTS if that is why.",
    AccountState.UNAVAILABLE: "Look at the way to Zoho: the rows of the network, as seen from its owner.",
    AccountState.SUSPECT: "Look at what Zoho refuses: `session-consumer dlq stats`.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's quota as the group's last commit says it.

    `state` is None where nothing was ever committed, or not by a consumer (`foreign`).
    """

    state: QuotaState | None
    foreign: bool = False

    @property
    def mints(self) -> MintBudget:
        """The tokens minted so far, as far as is known."""
        return MintBudget() if self.state is None else self.state.mints


def standing_of(source: str, committed: Mapping[TopicPartition, Entry]) -> Standing:
    """Read the state, which is kept with the position of the source topic's lowest partition."""
    own = [partition for partition in committed if partition.topic == source]
    if not own:
        return Standing(None)
    try:
        return Standing(read_state(committed[keeper(own, source)].metadata)[0])
    except ValueError:
        return Standing(None, foreign=True)


def has_source(source: str, partitions: Collection[TopicPartition]) -> bool:
    """Whether the source topic is among them: the account's state is kept there."""
    return any(partition.topic == source for partition in partitions)


def member_rows(seen: SeenGroup) -> Iterator[Row]:
    """The group as a whole."""
    group = Group("group")
    if not seen.members:
        yield group.ok("members", "none: no consumer runs with this group now")
        return
    names = [str(member) for member in seen.members[:_SHOWN]]
    yield group.ok("members", f"{len(seen.members)} ({seen.state}): {_listed(names, len(seen.members))}")


def owner_row(source: str, partitions: Collection[TopicPartition], seen: SeenGroup, account: str) -> Row:
    """Who owns the account; without a partition of the source topic there is nothing to own."""
    group = Group("group", account)
    owner = seen.owner(source)
    if owner is not None and not owner.ours:
        found = f"{owner}, another program (client id {owner.client_id}): no replica can serve the account"
        todo = (
            "Stop it or give it another group; this one (CONSUMER_KAFKA_GROUP_ID) is for the consumer alone."
        )
        return group.bad(Gravity.FINDING, "owner", found, todo)
    if owner is not None:
        return group.ok("owner", str(owner))
    if not has_source(source, partitions):
        return group.unchecked("owner", f"can't be known: {source} does not exist, or may not be seen")
    if not seen.settled:
        return group.unchecked("owner", f"the group is rebalancing ({seen.state})", "Look again.")
    if seen.members:
        todo = "Look whether its replicas have this account's settings, and the same source topic."
        return group.bad(Gravity.FINDING, "owner", f"nobody, though the group has members, of {source}", todo)
    return group.ok("owner", "nobody")


def position_rows(
    committed: Mapping[TopicPartition, int],
    bounds: Mapping[TopicPartition, Bounds] | None,
    group_id: str,
    account: str,
) -> Iterator[Row]:
    """How far the group is in the account's topics. `bounds` None: they could not be read.

    They have to be of a later time than the positions: those of a consumer at work move on with the end.
    """
    group = Group("group", account)
    if not committed:
        yield group.ok("positions", "none yet: the first run begins where CONSUMER_START_FROM says")
        return
    lost = list(_lost(committed, bounds or {}, group_id))
    for each in lost:
        yield group.bad(Gravity.FINDING, "positions", *parted(each))
    if not lost:
        listed = [
            f"{topic}:{number} at {position}" for (topic, number), position in sorted(committed.items())
        ]
        yield group.ok("positions", _listed(listed[:_SHOWN], len(listed)))
    if bounds is None:
        yield group.unchecked("lag", "where the topics begin and end could not be read")
        return
    lag = sum(max(0, bounds[each].end - position) for each, position in committed.items() if each in bounds)
    yield group.ok("lag", f"{lag} record{'' if lag == 1 else 's'} not finished yet")


def _lost(
    committed: Mapping[TopicPartition, int], bounds: Mapping[TopicPartition, Bounds], group_id: str
) -> Iterator[PositionLost]:
    """Where `run` would be in `position_lost`: one for each topic, by its own judgement."""
    for topic in sorted({each.topic for each in committed}):
        own = {each: bound for each, bound in bounds.items() if each.topic == topic}
        positions = {each: position for each, position in committed.items() if each.topic == topic}
        starts = choose_starts(own, positions, {}, "earliest", group_id).starts
        yield from {start for start in starts.values() if isinstance(start, PositionLost)}


def quota_rows(
    standing: Standing, limits: QuotaLimits | None, now: float, account: str, *, owned: bool
) -> Iterator[Row]:
    """The quota's state in words, by this host's clock `now`; and what its owner, if any, is held up by."""
    group = Group("group", account)
    if standing.foreign:
        found = "the position was set by hand: the next owner counts all slots and mints as just used"
        yield group.ok("slots", found)
        return
    if standing.state is None:
        yield group.ok("slots", "no state yet: no consumer has run with this group")
        return
    if limits is None:
        yield group.unchecked("slots", "the account's settings can't be used")
        return
    state = taken_over(standing.state, limits, now)
    used = limits.requests - state.quota.free(limits, now)
    yield group.ok("slots", f"{used} of {limits.requests} in use, as last committed")
    quiet_until = state.quota.quiet_until(limits)
    if math.isfinite(quiet_until) and quiet_until > now:
        yield group.ok("calls", f"may be under way until {rfc3339(quiet_until)}")
    yield from _held_up(state.closed, standing.state.held, group, owned=owned)
    yield _tokens(standing.mints, now, group)


def _held_up(closed: Closed | None, held: Held | None, group: Group, *, owned: bool) -> Iterator[Row]:
    """What keeps the owner from calling. What the last one left is none: the next waits, or tries at once."""
    if closed is not None:
        state, found = closed.state, f"{closed.state} until {rfc3339(closed.until)}: no call before"
    elif held is not None:
        state, found = held.state, f"{held.state} since {rfc3339(held.since)}"
        found += ": its owner makes no calls, or probes" if owned else ", until its last owner left"
    else:
        return
    if owned:
        yield group.bad(Gravity.FINDING, "state", found, _next_step(state))
    else:
        yield group.ok("state", found)


def _tokens(mints: MintBudget, now: float, group: Group) -> Row:
    recent = sum(at > now - mints.window_seconds for at in mints.minted_at)
    found = f"{recent} of {MAX_MINTS} minted in the last 10 minutes"
    wait_seconds = mints.wait_seconds(now)
    if wait_seconds <= 0:
        return group.ok("tokens", found)
    if not recent:
        # Zoho's own refusal follows a mint of ours: without one, it is what is assumed of a lost record.
        found = "the position was set by hand, or the topic made anew, and the record of the tokens lost"
        blocked = f"{found}: ten count as just minted, so no new one before {rfc3339(now + wait_seconds)}"
        return group.bad(Gravity.FINDING, "tokens", blocked, "Wait: its consumer mints one then.")
    todo = "Wait, and look for others who mint with this refresh token: its consumer gets none either."
    blocked = f"no new one before {rfc3339(now + wait_seconds)}; {found}"
    return group.bad(Gravity.FINDING, "tokens", blocked, todo)


def _next_step(state: AccountState) -> str:
    return f"{_NEXT_STEPS.get(state, '')} See {url(state)}.".lstrip()


def _listed(shown: Sequence[str], count: int) -> str:
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return "; ".join(shown) + more
