"""The consumer group, seen from outside: who owns the account, how far it is, what its quota's state says."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from consumer.check.rows import Gravity, Group, Row
from consumer.clock import rfc3339
from consumer.delivery.commits import Entry, keeper
from consumer.delivery.mint_budget import MAX_MINTS, MintBudget
from consumer.delivery.quota import QuotaLimits
from consumer.delivery.quota_state import QuotaState, read_state, taken_over
from consumer.kafka.inspection import SeenGroup
from consumer.records import TopicPartition

_MEMBERS_SHOWN = 5


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


def member_rows(group_id: str, seen: SeenGroup) -> Iterator[Row]:
    """The group as a whole."""
    group = Group("group")
    if not seen.members:
        yield group.ok(group_id, "no consumer runs with this group now")
        return
    names = [str(member) for member in seen.members[:_MEMBERS_SHOWN]]
    more = f" and {len(seen.members) - _MEMBERS_SHOWN} more" if len(seen.members) > _MEMBERS_SHOWN else ""
    count = len(seen.members)
    found = f"{seen.state}, {count} member{'' if count == 1 else 's'}: {'; '.join(names)}{more}"
    yield group.ok(group_id, found)


def account_rows(
    source: str,
    partitions: Collection[TopicPartition],
    seen: SeenGroup,
    ends: Mapping[TopicPartition, int] | None,
    account: str,
) -> Iterator[Row]:
    """Who owns the account, and how far the group is in its topics."""
    group = Group("group", account)
    owner = seen.owner(source)
    if owner is not None:
        yield group.ok(f"owner of {source}", str(owner))
    elif not seen.settled:
        yield group.unchecked(f"owner of {source}", f"the group is rebalancing ({seen.state}): look again")
    elif seen.members:
        todo = "Look whether its replicas have this account's settings, and the same source topic."
        yield group.bad(Gravity.FINDING, f"owner of {source}", "none, though the group has members", todo)
    else:
        yield group.ok(f"owner of {source}", "nobody")
    yield _positions(partitions, seen.committed, ends, group)


def _positions(
    partitions: Collection[TopicPartition],
    committed: Mapping[TopicPartition, Entry],
    ends: Mapping[TopicPartition, int] | None,
    group: Group,
) -> Row:
    known = {partition: committed[partition].position for partition in partitions if partition in committed}
    if not known:
        return group.ok("positions", "none yet: the first run begins where CONSUMER_START_FROM says")
    shown = ", ".join(
        f"{topic}:{number} at {position}" for (topic, number), position in sorted(known.items())[:4]
    )
    more = f" and {len(known) - 4} more" if len(known) > 4 else ""  # noqa: PLR2004
    if ends is None:
        return group.ok("positions", f"{shown}{more}; what waits behind them could not be read")
    lag = sum(
        max(0, ends[partition] - position) for partition, position in known.items() if partition in ends
    )
    return group.ok("positions", f"{shown}{more}; {lag} record{'' if lag == 1 else 's'} not finished yet")


def quota_row(standing: Standing, limits: QuotaLimits | None, now: float, account: str) -> Row:
    """The quota's state in words, by this host's clock `now`."""
    group = Group("group", account)
    if standing.foreign:
        found = "a position was set by hand: the next owner counts all slots and mints as just used"
        return group.ok("quota", found)
    if standing.state is None:
        return group.ok("quota", "no state yet: no consumer has run with this group")
    if limits is None:
        return group.unchecked("quota", "the account's settings can't be used")
    state = taken_over(standing.state, limits, now)
    free = state.quota.free(limits, now)
    parts = [f"{limits.requests - free} of {limits.requests} slots in use"]
    quiet_until = state.quota.quiet_until(limits)
    if math.isfinite(quiet_until) and quiet_until > now:
        parts.append(f"calls may be under way until {rfc3339(quiet_until)}")
    if state.closed is not None:
        parts.append(f"{state.closed.state} until {rfc3339(state.closed.until)}")
    recent = sum(at > now - standing.mints.window_seconds for at in standing.mints.minted_at)
    parts.append(f"{recent} of {MAX_MINTS} tokens minted in the last 10 minutes")
    return group.ok("quota", "as last committed: " + ", ".join(parts))
