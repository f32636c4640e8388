"""What two accounts may not have both, and what they may."""

from pathlib import Path

import pytest

from tests.unit.accounts_scene import Account, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"source_topic": "a.changed"}, "source_topic names the topic of accounts.a.source_topic"),
        ({"source_topic": "a.changed.dlq"}, "source_topic names the topic of accounts.a.dead_letter_topic"),
        (
            {"dead_letter_topic": "a.changed.dlq"},
            "dead_letter_topic names the topic of accounts.a.dead_letter_topic",
        ),
        ({"outcomes_topic": "a.changed.replay"}, "outcomes_topic names the topic of accounts.a.replay_topic"),
        ({"replay_topic": "a.changed"}, "replay_topic names the topic of accounts.a.source_topic"),
        (
            {"zoho_refresh_token_file": "a-refresh-token"},
            "zoho_refresh_token_file has the token of accounts.a",
        ),
    ],
)
def test_what_belongs_to_one_account_is_not_given_to_two(
    scene: Scene, changes: Account, problem: str
) -> None:
    """A topic or a credential of two accounts is one problem, which says which two."""
    (found,) = scene.problems(scene.two(**changes))

    assert f" accounts.b.{problem}" in found


def test_accounts_without_a_source_topic_of_their_own_share_the_environments(scene: Scene) -> None:
    """One may have it; from the second on it is refused, without a word on the topics named after it."""
    accounts = scene.two(source_topic=None)
    assert scene.load(accounts, SOURCE_TOPIC="t").accounts[1].source_topic == "t"
    accounts["c"] = scene.account("c", source_topic=None)

    (found,) = scene.problems(accounts, SOURCE_TOPIC="t")
    (by_default,) = scene.problems(accounts)

    assert (
        "accounts.c.source_topic is missing, and CONSUMER_SOURCE_TOPIC names the topic of accounts.b."
        in found
    )
    assert "accounts.c.source_topic is missing, and by default names the topic of accounts.b." in by_default


def test_the_environments_token_is_one_accounts_only(scene: Scene) -> None:
    """Two accounts that leave it to the environment would be one Zoho account."""
    accounts = {name: scene.account(name, zoho_refresh_token_file=None) for name in ("a", "b")}

    (found,) = scene.problems(accounts, ZOHO_REFRESH_TOKEN="s3cret")

    assert (
        "b.zoho_refresh_token_file is missing, and CONSUMER_ZOHO_REFRESH_TOKEN has the token of accounts.a"
        in found
    )


def test_the_same_token_at_another_zoho_is_another_account(scene: Scene) -> None:
    """A token belongs to one place."""
    place = {"zoho_people_url": "http://localhost:1", "zoho_accounts_url": "http://localhost:1"}

    assert scene.load(scene.two(zoho_refresh_token_file="a-refresh-token", **place)).warnings == ()


def test_one_oauth_client_for_two_accounts_is_a_warning(scene: Scene) -> None:
    """It may serve two Zoho accounts, each by a token of its own; or one, which would lock."""
    (warning,) = scene.load(scene.two(zoho_client_id="1000.a")).warnings

    assert "accounts.b.zoho_client_id is the OAuth client of accounts.a at the same Zoho" in warning
