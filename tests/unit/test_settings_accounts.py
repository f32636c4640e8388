"""Several accounts: each with its own settings, what may not be shared, every problem at once."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumer.cli.main import cli
from consumer.settings import (
    SETTINGS,
    SettingsError,
    load_event_settings,
    load_replay_settings,
    load_settings,
    load_topic_settings,
)
from consumer.settings.load import reload_settings
from tests.unit.accounts_scene import KAFKA, Account, Scene

ACCOUNT_KEYS = sorted(setting.account_key for setting in SETTINGS if setting.of_account)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_each_account_has_its_own_settings_and_topics(scene: Scene) -> None:
    """Names, topics after the own source topic, secrets from the files, values as they are written."""
    first, second = scene.load(
        {"a": scene.account("a", quota_requests=7), "b": scene.account("b", zoho_data_centre="in")}
    ).accounts

    assert (first.name, second.name) == ("a", "b")
    assert first.dead_letter_topic == "a.changed.dlq"
    assert second.outcomes_topic == "b.changed.outcomes"
    assert (first.quota_requests, second.quota_requests) == (7, 30)
    assert second.zoho_people_url == "https://people.zoho.in"
    assert first.zoho_refresh_token.get_secret_value() == "s3cret-a-refresh-token"
    assert second.zoho_client_secret.get_secret_value() == "s3cret-b-client-secret"


def test_the_example_is_complete(tmp_path: Path) -> None:
    """docs/examples/accounts.yaml loads once its secrets are where it says."""
    example = Path(__file__).parents[2] / "docs" / "examples" / "accounts.yaml"
    text = example.read_text().replace("/run/secrets", str(tmp_path / "run"))
    for line in text.splitlines():
        key, _, path = line.strip().partition(": ")
        if key.endswith("_file"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(f"s3cret of {path}".replace(" ", "-"))
    (tmp_path / "accounts.yaml").write_text(text)

    loaded = load_settings({**KAFKA, "CONSUMER_ACCOUNTS_FILE": str(tmp_path / "accounts.yaml")})

    assert [account.name for account in loaded.accounts] == ["academy", "partners"]
    assert loaded.accounts[1].quota_requests == 20


def test_what_an_account_does_not_set_comes_from_the_environment_and_its_files(scene: Scene) -> None:
    """Variables and files of the secrets directory are every account's, unless it says otherwise."""
    secrets = scene.directory / "secrets"
    secrets.mkdir()
    (secrets / "CONSUMER_ZOHO_CLIENT_SECRET").write_text("s3cret-shared\n")
    (secrets / "CONSUMER_QUOTA_REQUESTS").write_text("11\n")
    accounts = {
        "a": scene.account("a", zoho_client_secret_file=None, zoho_time_zone=None),
        "b": scene.account("b", quota_requests=12, zoho_time_zone=""),
    }

    first, second = scene.load(
        accounts, ZOHO_TIME_ZONE="Europe/Berlin", SECRETS_DIR=str(secrets), ATTEMPTS="2"
    ).accounts

    assert first.zoho_client_secret.get_secret_value() == "s3cret-shared"
    assert second.zoho_client_secret.get_secret_value() == "s3cret-b-client-secret"
    assert (first.quota_requests, second.quota_requests) == (11, 12)
    assert (first.attempts, second.attempts) == (2, 2)
    assert first.zoho_time_zone == second.zoho_time_zone == "Europe/Berlin"


def test_an_account_that_says_where_zoho_is_takes_none_of_it_from_the_environment(scene: Scene) -> None:
    """A data centre and two URLs say one thing: half of each would send tokens to the wrong place."""
    place = {"ZOHO_PEOPLE_URL": "http://localhost:1", "ZOHO_ACCOUNTS_URL": "http://localhost:2"}

    first, second = scene.load(scene.two(zoho_data_centre="eu"), **place).accounts

    assert first.zoho_accounts_url == "http://localhost:2"
    assert (second.zoho_people_url, second.zoho_accounts_url) == (
        "https://people.zoho.eu",
        "https://accounts.zoho.eu",
    )


def test_half_of_a_place_is_mended_where_the_half_stands(scene: Scene) -> None:
    """The environment's people URL asks for the environment's accounts URL, once."""
    (found,) = scene.problems(scene.two(), ZOHO_PEOPLE_URL="http://localhost:1")

    assert found.startswith("CONSUMER_ZOHO_ACCOUNTS_URL is missing: CONSUMER_ZOHO_PEOPLE_URL is set")


def test_an_account_may_be_the_environments_altogether(scene: Scene) -> None:
    """A name with nothing under it."""
    place = {"ZOHO_CLIENT_ID": "1", "ZOHO_CLIENT_SECRET": "2", "ZOHO_REFRESH_TOKEN": "3"}

    (account,) = scene.load({"only": None}, ZOHO_TIME_ZONE="UTC", SOURCE_TOPIC="t", **place).accounts

    assert (account.name, account.dead_letter_topic) == ("only", "t.dlq")


def test_every_problem_is_said_at_once_with_file_line_account_and_setting(scene: Scene) -> None:
    """The whole list, each with its place and how to mend it."""
    accounts = {
        "a": scene.account("a", zoho_time_zone="Kolkata", quota_requests="many"),
        "b": scene.account("b", zoho_client_id=None, quota_request=3, kafka_group_id="x"),
        "c": scene.account("c", zoho_refresh_token="s3cret", zoho_client_secret_file="nowhere"),
    }

    assert [problem.removeprefix("accounts.yaml:") for problem in scene.problems(accounts)] == [
        "14 accounts.b.quota_request is no setting of an account; did you mean quota_requests?",
        (
            "15 accounts.b.kafka_group_id is the process's, not an account's; "
            "set CONSUMER_KAFKA_GROUP_ID instead."
        ),
        (
            "22 accounts.c.zoho_refresh_token must not stand here: put it into a file and name that as "
            "zoho_refresh_token_file."
        ),
        (
            "7 accounts.a.zoho_time_zone must be a time zone of the IANA database such as Asia/Kolkata, "
            "the one set in the Zoho People portal."
        ),
        "8 accounts.a.quota_requests must be a whole number from 1 to 200.",
        (
            "9 accounts.b.zoho_client_id is missing: set it, or CONSUMER_ZOHO_CLIENT_ID for all accounts. "
            "The OAuth client's id."
        ),
        (
            "19 accounts.c.zoho_client_secret_file names a file that doesn't exist or can't be "
            "reached; check the path and the mount."
        ),
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"account": "x"}, "account is no setting of an account: its name is the key"),
        ({"CONSUMER_ATTEMPTS": 1}, "CONSUMER_ATTEMPTS is no setting of an account; did you mean attempts?"),
        ({"zoho_input_file": "x"}, "zoho_input_file is no setting of an account; did you mean zoho_input?"),
        ({"http_port": 1}, "http_port is the process's, not an account's; set CONSUMER_HTTP_PORT instead."),
        ({"attempts": [1]}, "attempts must be one plain value, not a list, mapping or tag."),
        ({"attempts": {"s3cret": 1}}, "attempts must be one plain value, not a list, mapping or tag."),
        ({"zoho_timeout_seconds": 24}, "zoho_timeout_seconds must be at least 5 s below CONSUMER_SHUTDOWN_"),
        (
            {"quota_daily_requests": 5, "quota_daily_reserve": 5},
            "quota_daily_reserve must be below accounts.b.quota_daily_requests (5)",
        ),
        ({"backlog_bytes": 65536}, "backlog_bytes must be at least 262"),
        ({"zoho_people_url": "http://localhost:1"}, "zoho_accounts_url is missing: accounts.b.zoho_people_"),
        ({"replay_topic": "b.changed"}, "replay_topic must not name the topic of accounts.b.source_topic"),
        ({"source_topic": "x" * 248}, "dead_letter_topic is missing: the name made from accounts.b.source_"),
    ],
)
def test_a_wrong_setting_of_an_account_is_named_as_it_stands_there(
    scene: Scene, changes: Account, problem: str
) -> None:
    """By the account's own key, not by a variable that nobody set."""
    found = scene.problems(scene.two(**changes))

    assert f" accounts.b.{problem}" in found[0]
    assert found[0].startswith("accounts.yaml:")


def test_a_wrong_variable_is_said_once_and_as_a_variable(scene: Scene) -> None:
    """Not once for each account that takes it."""
    assert scene.problems(scene.two(), ATTEMPTS="many", ZOHO_TIMEOUT_SECONDS="24") == [
        "CONSUMER_ATTEMPTS must be a whole number from 1 to 100.",
        (
            "CONSUMER_ZOHO_TIMEOUT_SECONDS must be at least 5 s below CONSUMER_SHUTDOWN_SECONDS (25): "
            "a call in flight has to end before the stop does."
        ),
    ]


def test_the_accounts_name_is_not_set_twice(scene: Scene) -> None:
    """CONSUMER_ACCOUNT can be nobody's name beside the file."""
    (found,) = scene.problems(scene.two(), ACCOUNT="academy")

    assert found.startswith("CONSUMER_ACCOUNT is set, but the accounts have their names in")


def test_all_files_that_settings_come_from_are_listed(scene: Scene) -> None:
    """For whoever watches them: the secrets directory's by every name, the accounts file, and its secrets."""
    loaded = scene.load(scene.two(), SECRETS_DIR=str(scene.directory))

    own = [f"{scene.directory}/{name}" for name in (
        "accounts.yaml", "a-client-secret", "a-refresh-token", "b-client-secret", "b-refresh-token"
    )]  # fmt: skip
    assert list(loaded.files[-5:]) == own
    assert f"{scene.directory}/CONSUMER_QUOTA_REQUESTS" in loaded.files
    assert len(loaded.files) == len(SETTINGS) - 1 + 5


def test_a_file_may_win_over_its_variable(scene: Scene) -> None:
    """At a reload the file is the one that changed."""
    environ = scene.environment(ATTEMPTS="2", SECRETS_DIR=str(scene.directory))
    (scene.directory / "CONSUMER_ATTEMPTS").write_text("3\n")
    scene.write(scene.two())

    before = scene.load(scene.two())
    again, told = reload_settings(environ, before)

    assert (3, ()) == (again.accounts[0].attempts, told)
    with pytest.raises(SettingsError, match="CONSUMER_ATTEMPTS is set twice"):
        load_settings(environ)


def test_topics_load_for_all_accounts_or_for_one_without_their_secrets(scene: Scene) -> None:
    """`topics` needs no Zoho setting, and reads no secret."""
    scene.write({"a": {"source_topic": "a"}, "b": {"source_topic": "b", "zoho_refresh_token_file": "none"}})
    environ = scene.environment()

    assert [names.replay_topic for names in load_topic_settings(environ).accounts] == ["a.replay", "b.replay"]
    assert [names.name for names in load_topic_settings(environ, "b").accounts] == ["b"]
    with pytest.raises(SettingsError, match="--account is missing: say which one of a, b"):
        load_topic_settings(environ, one=True)
    with pytest.raises(SettingsError, match="--account names no account that the settings have: a, b"):
        load_topic_settings(environ, "c")


def test_events_are_checked_by_the_rules_of_one_account(scene: Scene) -> None:
    """Needed where there are several; the only one needs no name, in a file or without."""
    scene.write({"a": {"zoho_time_zone": "UTC"}, "b": {"source_topic": "b", "max_event_bytes": 2048}})
    environ = scene.environment(ZOHO_TIME_ZONE="Asia/Kolkata")

    assert load_event_settings(environ, "a").zoho_time_zone == "UTC"
    assert load_event_settings(environ, "b").zoho_time_zone == "Asia/Kolkata"
    assert load_event_settings(environ, "b").max_event_bytes == 2048
    with pytest.raises(SettingsError, match="--account is missing"):
        load_event_settings(environ)
    scene.write({"a": {"zoho_time_zone": "UTC"}})
    assert load_event_settings(environ).zoho_time_zone == "UTC"
    assert load_event_settings({}, "default").max_event_bytes == 262_144


@pytest.mark.parametrize("command", [["event", "validate"], ["event", "publish"]])
def test_event_commands_ask_which_account(scene: Scene, command: list[str]) -> None:
    """Exit code 2 and the names, before anything is read or sent."""
    scene.write(scene.two())
    runner = CliRunner()

    without = runner.invoke(cli, [*command, "-"], env=scene.environment(), input="{}")
    wrong = runner.invoke(cli, [*command, "-", "--account", "c"], env=scene.environment(), input="{}")

    assert (without.exit_code, wrong.exit_code) == (2, 2)
    assert "--account is missing: say which one of a, b." in without.stderr
    assert "--account names no account that the settings have: a, b." in wrong.stderr


_VALUES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["a", "t", "3", "UTC", "in", "secret", "http://localhost:1"]),
    st.lists(st.text(max_size=3), max_size=2),
    st.none(),
    st.integers(0, 9),
    st.booleans(),
)
_ACCOUNTS = st.dictionaries(
    st.one_of(st.text(max_size=4), st.sampled_from("ab")),
    st.dictionaries(st.one_of(st.sampled_from(ACCOUNT_KEYS), st.text(max_size=6)), _VALUES, max_size=6),
    max_size=3,
)


@given(accounts=_ACCOUNTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_whatever_breaks_the_reading(scene: Scene, accounts: dict[str, Account]) -> None:
    """Any YAML gives settings in which no two accounts share a topic, or sentences; never another error."""
    (scene.directory / "secret").write_text("s3cret")
    scene.write(accounts)
    place = {"ZOHO_CLIENT_ID": "1", "ZOHO_CLIENT_SECRET": "2", "ZOHO_REFRESH_TOKEN": "3"}
    try:
        loaded = load_settings(scene.environment(ZOHO_TIME_ZONE="UTC", **place))
    except SettingsError as exc:
        assert all(each.startswith((str(scene.file), "CONSUMER_")) for each in exc.problems)  # noqa: PT017
        assert "s3cret" not in str(exc)  # noqa: PT017
    else:
        topics = [
            topic
            for account in loaded.accounts
            for topic in (
                account.source_topic,
                account.dead_letter_topic,
                account.replay_topic,
                account.outcomes_topic,
            )
        ]
        assert len(topics) == len(set(topics))


def test_a_replay_needs_one_account_and_no_zoho_settings(tmp_path: Path) -> None:
    """Its topics, and what of its quota replays get."""
    file = tmp_path / "accounts.yaml"
    file.write_text("accounts:\n  a: {source_topic: a, quota_requests: 10}\n  b: {source_topic: b}\n")
    environ = {"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "k:1", "CONSUMER_ACCOUNTS_FILE": str(file)}
    environ["CONSUMER_REPLAY_SHARE"] = "0.5"

    found = load_replay_settings(environ, "a").account

    assert ("a.replay", 10, 60.0, 0.5) == (
        found.replay_topic,
        found.quota_requests,
        found.quota_window_seconds,
        found.replay_share,
    )
    with pytest.raises(SettingsError, match="--account is missing"):
        load_replay_settings(environ)
