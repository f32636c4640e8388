"""Law 3 starts here: a topic has one owner, and keeps it."""

from typing import Any

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.assignor import AccountAssignor, follow, place

TOPICS = [f"t{n}" for n in range(6)]
LANES = {f"{topic}.replay": topic for topic in "tuv"}
names = st.sampled_from([f"m{n}" for n in range(5)])
some_topics = st.frozensets(st.sampled_from(TOPICS))


@given(st.dictionaries(names, some_topics, min_size=1), st.dictionaries(names, some_topics))
def test_every_wanted_topic_has_one_owner_who_wants_it(
    wanted: dict[str, frozenset[str]], owned: dict[str, frozenset[str]]
) -> None:
    """Whatever the members say that they own."""
    placed = place(wanted, owned)

    assert set().union(*wanted.values()) == set(placed)
    assert all(topic in wanted[member] for topic, member in placed.items())


@given(st.frozensets(names, min_size=1), st.frozensets(names), some_topics.filter(bool))
def test_a_standby_that_joins_or_leaves_moves_nothing_that_is_evenly_spread(
    members: frozenset[str], more: frozenset[str], topics: frozenset[str]
) -> None:
    """An owner keeps what it has up to its even share; the spread is even within one topic."""
    before = place(dict.fromkeys(members, topics), {})
    owned = {m: [t for t, owner in before.items() if owner == m] for m in members}
    after = place(dict.fromkeys(members | more, topics), owned)

    loads = [list(after.values()).count(member) for member in members | more]
    share = -(-len(topics) // len(members | more))
    kept = sum(after[topic] == before[topic] for topic in topics)
    assert max(loads) == share
    assert sum(min(share, len(mine)) for mine in owned.values()) == kept


def test_a_single_account_stays_with_its_owner_whoever_joins() -> None:
    """Also where the new member's id sorts first: standbys are free."""
    assert {"t": "m9"} == place({"m1": ["t"], "m9": ["t"]}, {"m9": ["t"]})
    assert {"t": "m1"} == place({"m1": ["t"]}, {"m9": ["t"]})


@given(
    st.dictionaries(st.sampled_from(TOPICS), names),
    st.dictionaries(
        names, st.dictionaries(st.sampled_from([f"{t}.replay" for t in TOPICS]), st.sampled_from(TOPICS))
    ),
)
def test_a_replay_topic_goes_where_its_source_is_or_nowhere(
    placed: dict[str, str], lanes: dict[str, dict[str, str]]
) -> None:
    """Whatever the others say that belongs together; and nowhere only where no owner says so."""
    followers = follow(placed, lanes)

    assert all(placed[lanes[member][replay]] == member for replay, member in followers.items())
    for member, mine in lanes.items():
        assert all(replay in followers for replay, source in mine.items() if placed.get(source) == member)


class Cluster(ClusterMetadata):  # type: ignore[misc]  # aiokafka is untyped
    """Topics `t` and `u` with three partitions, their replay topics with two; `v` is unknown."""

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """As the client's own."""
        return {"t": {2, 0, 1}, "u": {0, 2, 1}, "t.replay": {1, 0}, "u.replay": {0, 1}}.get(topic)


BOTH = ["t", "t.replay", "u", "u.replay", "v", "v.replay"]
T, T_REPLAY = ("t", [0, 1, 2]), ("t.replay", [0, 1])
U, U_REPLAY = ("u", [0, 1, 2]), ("u.replay", [0, 1])


def assigned(by: AccountAssignor, members: dict[str, Any]) -> dict[str, list[tuple[str, list[int]]]]:
    """Every member's part."""
    return {member: part.assignment for member, part in by.assign(Cluster(), members).items()}


def test_an_accounts_topics_are_never_split() -> None:
    """Each member gets whole accounts or nothing; what the cluster doesn't know is left out."""
    first, second, standby = AccountAssignor(LANES), AccountAssignor(LANES), AccountAssignor(LANES)
    got = first.assign(Cluster(), {"a": first.metadata(BOTH), "b": second.metadata(BOTH)})
    for assignor, member in ((first, "a"), (second, "b")):
        assignor.on_assignment(got[member])

    assert {"a": [T, T_REPLAY], "b": [U, U_REPLAY]} == {m: part.assignment for m, part in got.items()}
    again = {"b": second.metadata(BOTH), "0": standby.metadata(BOTH), "a": first.metadata(BOTH)}
    assert {"a": [T, T_REPLAY], "b": [U, U_REPLAY], "0": []} == assigned(standby, again)
    assert {"b": [T, T_REPLAY, U, U_REPLAY]} == assigned(second, {"b": second.metadata(BOTH)})


def test_a_replay_topic_without_its_source_is_nobodys() -> None:
    """The source doesn't exist: there is no account to replay for."""
    assignor = AccountAssignor({"t.replay": "v"})

    assert {"a": []} == assigned(assignor, {"a": assignor.metadata(["v", "t.replay"])})


def test_beside_a_member_of_an_older_version_live_events_go_on() -> None:
    """It knows of no replay topic: nobody reads that one, until a newer member owns the source."""
    newer, older = AccountAssignor(LANES), ConsumerProtocolMemberMetadata(0, ["t"], b'{"owned":["t"]}')

    assert {"old": [T], "new": []} == assigned(
        newer, {"old": older, "new": newer.metadata(["t", "t.replay"])}
    )
    assert {"new": [T, T_REPLAY]} == assigned(newer, {"new": newer.metadata(["t", "t.replay"])})


@pytest.mark.parametrize(
    "said",
    [b"", b"{", b"[]", b"{}", b'{"owned":7}', b'{"owned":[7,null],"with":{"t":7}}', b"\xff", None],
)
def test_a_member_that_says_nothing_of_ours_owns_nothing(said: Any) -> None:
    """It is another version or another program: no reason to break the group."""
    assignor = AccountAssignor(LANES)
    members = {"a": ConsumerProtocolMemberMetadata(0, ["t"], said), "b": assignor.metadata(["t"])}

    assert [T] == assigned(assignor, members)["a"]
