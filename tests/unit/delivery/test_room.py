"""Law 7: what is held in memory has a bound, and nobody is kept out by it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.room import Load, replay_bound, shared_rooms
from tests.fakes.stage import rules


@pytest.mark.claim("S-08")
@given(
    st.dictionaries(st.text(max_size=3), st.integers(0, 100), min_size=1, max_size=20), st.integers(1, 2000)
)
def test_accounts_share_the_bytes_and_none_starves_another(held: dict[str, int], backlog: int) -> None:
    """However much the others hold, an even share may be held; in all, twice the bound at most."""
    rooms = shared_rooms(held, backlog)

    even = backlog // len(held)
    assert all(held[name] + room >= even for name, room in rooms.items())
    others = {name: sum(held.values()) - mine for name, mine in held.items()}
    assert all(held[name] + room <= max(even, backlog - others[name]) for name, room in rooms.items())


@pytest.mark.parametrize(("replay_events", "backlog_events"), [(1, 1), (1, 19), (2, 20), (1000, 50_000)])
def test_law_7_the_room_for_replays_is_bounded(replay_events: int, backlog_events: int) -> None:
    """A tenth of the backlog, one at least, a thousand at most; a quarter of its bytes."""
    bound = replay_bound(replace(rules(), backlog_events=backlog_events, backlog_bytes=4_000))

    assert Load(replay_events, 1_000) == bound
