"""When `check` asks for no token of its own accord: what it mints is on no record."""

import pytest

from consumer.check.group_rows import Standing
from consumer.check.minting import why_not_minted
from consumer.kafka.connection import CLIENT_ID
from consumer.kafka.inspection import SeenGroup, SeenMember
from consumer.settings import TopicNames

NAMES = TopicNames(source_topic="s")
FRESH = Standing(None)
EMPTY = SeenGroup("Empty", (), None, {})
MOVING = SeenGroup("PreparingRebalance", (), None, {})


def group_with_member(*topics: str, client_id: str = CLIENT_ID) -> SeenGroup:
    """A group of one, with these topics."""
    return SeenGroup("Stable", (SeenMember("m-1", client_id, "10.0.0.7", frozenset(topics)),), None, {})


@pytest.mark.parametrize(
    ("group", "standing", "said"),
    [
        (None, None, "can't be read"),
        (EMPTY, None, "can't be read"),
        (group_with_member("s"), FRESH, "m-1 at 10.0.0.7 owns the account"),
        (group_with_member("s"), Standing(None, foreign=True), "its /status says how it stands"),
        (group_with_member("s", client_id="other"), FRESH, "m-1 at 10.0.0.7, another program"),
        (MOVING, FRESH, "rebalancing (PreparingRebalance)"),
        (EMPTY, Standing(None, foreign=True), "set by hand"),
    ],
)
def test_where_a_consumer_may_need_it_none_is_minted(
    group: SeenGroup | None, standing: Standing | None, said: str
) -> None:
    """A replica owns the account or may do so, or nobody knows how many there are; and why is said."""
    assert said in why_not_minted(NAMES, group, standing, usable=True)


def test_an_owner_proves_nothing_by_owning() -> None:
    """It may have had nothing to call for, or be refused each time."""
    assert "proves" not in why_not_minted(NAMES, group_with_member("s"), FRESH, usable=True)


def test_settings_that_are_not_usable_come_first() -> None:
    """Whatever Kafka shows: `run` would not start with them."""
    assert "mend the settings" in why_not_minted(NAMES, EMPTY, FRESH, usable=False)
    assert "mend the settings" in why_not_minted(None, EMPTY, FRESH, usable=True)


@pytest.mark.parametrize("group", [EMPTY, group_with_member("other")])
def test_where_nobody_owns_the_account_one_is_minted(group: SeenGroup) -> None:
    """Nobody else proves the credential then."""
    assert why_not_minted(NAMES, group, FRESH, usable=True) == ""
