"""Law 3 starts here: a topic has one owner, and keeps it."""

from typing import Any

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.assignor import AccountAssignor, place

TOPICS = [f"t{n}" for n in range(6)]
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


class Cluster(ClusterMetadata):  # type: ignore[misc]  # aiokafka is untyped
    """Topics `t` and `u` with three partitions, `v` unknown."""

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """As the client's own."""
        return {2, 0, 1} if topic in ("t", "u") else None


def test_a_topics_partitions_are_never_split() -> None:
    """Each member gets whole topics or nothing; what the cluster doesn't know is left out."""
    first, second, standby = AccountAssignor(), AccountAssignor(), AccountAssignor()
    members = {"a": first.metadata(["t", "u", "v"]), "b": second.metadata(["t", "u", "v"])}
    got = first.assign(Cluster(), members)
    for assignor, member in ((first, "a"), (second, "b")):
        assignor.on_assignment(got[member])

    assert [("t", [0, 1, 2])] == [p for p in got["a"].assignment if p[0] == "t"]
    assert [("u", [0, 1, 2])] == got["b"].assignment
    again = {
        "b": second.metadata(["t", "u"]),
        "0": standby.metadata(["t", "u"]),
        "a": first.metadata(["t", "u"]),
    }
    after = standby.assign(Cluster(), again)
    assert {"a": got["a"].assignment[:1], "b": got["b"].assignment, "0": []} == {
        member: assignment.assignment for member, assignment in after.items()
    }


@pytest.mark.parametrize(
    "said", [b"", b"{", b"[]", b"{}", b'{"owned":7}', b'{"owned":[7,null]}', b"\xff", None]
)
def test_a_member_that_says_nothing_of_ours_owns_nothing(said: Any) -> None:
    """It is another version or another program: no reason to break the group."""
    members = {"a": ConsumerProtocolMemberMetadata(0, ["t"], said), "b": AccountAssignor().metadata(["t"])}

    assert [("t", [0, 1, 2])] == AccountAssignor().assign(Cluster(), members)["a"].assignment
