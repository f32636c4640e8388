"""Settings: every problem at once, in sentences, without a secret in them."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consumer.reference_docs import pages
from consumer.settings import (
    SETTINGS,
    Settings,
    SettingsError,
    load_event_settings,
    load_kafka_settings,
    load_settings,
    load_topic_settings,
)
from consumer.settings.texts import MAX_FILE_BYTES, MAX_WARNINGS
from consumer.settings.zoho_urls import DATA_CENTRES, check_url

LEAST: Mapping[str, str] = {
    "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "CONSUMER_ZOHO_CLIENT_ID": "1000.CLIENT",
    "CONSUMER_ZOHO_CLIENT_SECRET": "s3cret-client",
    "CONSUMER_ZOHO_REFRESH_TOKEN": "s3cret-refresh",
    "CONSUMER_ZOHO_TIME_ZONE": "Asia/Kolkata",
}
SASL: Mapping[str, str] = {
    "CONSUMER_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "CONSUMER_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "CONSUMER_KAFKA_SASL_USERNAME": "consumer",
    "CONSUMER_KAFKA_SASL_PASSWORD": "s3cret-kafka",
}


def load(**changes: str) -> Settings:
    return load_settings({**LEAST, **{f"CONSUMER_{name}": value for name, value in changes.items()}})


def problems(**changes: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(**changes)
    return caught.value.problems


def test_the_least_settings_are_enough() -> None:
    """Five variables start the consumer, with the contract's defaults for all else."""
    account = load().accounts[0]

    assert account.name == "default"
    assert account.source_topic == "training.session.changed"
    assert account.dead_letter_topic == "training.session.changed.dlq"
    assert account.replay_topic == "training.session.changed.replay"
    assert account.outcomes_topic == "training.session.changed.outcomes"
    assert account.quota_requests == 30
    assert account.quota_window_seconds == 60.0
    assert account.quota_lock_seconds == 300.0
    assert account.backlog_bytes == 64 * 1024 * 1024
    assert load().kafka.session_timeout_seconds == 15.0
    assert load().shutdown_seconds == 25.0


def test_every_missing_variable_is_named_at_once() -> None:
    """An empty environment is answered with the whole list, not with its first entry."""
    with pytest.raises(SettingsError) as caught:
        load_settings({})

    assert [problem.split()[0] for problem in caught.value.problems] == list(LEAST)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUOTA_REQUESTS", "0"),
        ("QUOTA_REQUESTS", "201"),
        ("QUOTA_REQUESTS", "3.5"),
        ("QUOTA_REQUESTS", " 30"),
        ("QUOTA_REQUESTS", "٣٠"),
        ("QUOTA_WINDOW_SECONDS", "nan"),
        ("QUOTA_WINDOW_SECONDS", "inf"),
        ("QUOTA_WINDOW_SECONDS", "1e3"),
        ("QUOTA_WINDOW_SECONDS", "-1"),
        ("QUOTA_WINDOW_SECONDS", "0"),
        ("QUOTA_LOCK_SECONDS", "9" * 5_000),
        ("SOURCE_TOPIC", "a/b"),
        ("SOURCE_TOPIC", ".."),
        ("SOURCE_TOPIC", "x" * 250),
        ("ACCOUNT", "bad name"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:0"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092,"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka://kafka:9092"),
        ("KAFKA_SECURITY_PROTOCOL", "ssl"),
        ("ZOHO_DATA_CENTRE", "us"),
        ("ZOHO_CLIENT_ID", "1000.CLIENT\n"),
        ("ZOHO_TIME_ZONE", "Kolkata"),
        ("ZOHO_TIME_ZONE", "localtime"),
        ("ZOHO_TIME_ZONE", "../../etc/passwd"),
        ("ZOHO_INPUT", "body"),
        ("CREATE_TOPICS", "yes"),
        ("HTTP_PORT", "65536"),
        ("HTTP_HOST", "a b"),
        ("HTTP_HOST", "x..y"),
        ("HTTP_HOST", "x" * 64),
        ("KAFKA_BOOTSTRAP_SERVERS", "a..b:1"),
        ("LOG_LEVEL", "trace"),
        ("SECRETS_DIR", "/no/such/directory"),
        ("ACCOUNTS_FILE", "accounts.yaml"),
    ],
)
def test_a_wrong_value_is_one_problem_that_names_its_variable(name: str, value: str) -> None:
    """Each wrong value is exactly one sentence, about that variable, without the value in it."""
    (problem,) = problems(**{name: value})

    assert problem.startswith(f"CONSUMER_{name} ")
    assert problem.endswith(".")
    assert len(problem) < 300


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ZOHO_TIMEOUT_SECONDS": "20.1"}, "CONSUMER_ZOHO_TIMEOUT_SECONDS"),
        ({"SHUTDOWN_SECONDS": "19.9"}, "CONSUMER_ZOHO_TIMEOUT_SECONDS"),
        ({"DEAD_LETTER_TOPIC": "training.session.changed"}, "CONSUMER_DEAD_LETTER_TOPIC"),
        ({"REPLAY_TOPIC": "training.session.changed.dlq"}, "CONSUMER_REPLAY_TOPIC"),
        ({"QUOTA_DAILY_REQUESTS": "100", "QUOTA_DAILY_RESERVE": "100"}, "CONSUMER_QUOTA_DAILY_RESERVE"),
        ({"BACKLOG_BYTES": "65536"}, "CONSUMER_BACKLOG_BYTES"),
        ({"ZOHO_PEOPLE_URL": "https://people.zoho.com"}, "CONSUMER_ZOHO_ACCOUNTS_URL"),
        (
            {
                "ZOHO_DATA_CENTRE": "eu",
                "ZOHO_PEOPLE_URL": "https://people.zoho.com",
                "ZOHO_ACCOUNTS_URL": "https://accounts.zoho.com",
            },
            "CONSUMER_ZOHO_DATA_CENTRE",
        ),
        ({"KAFKA_SASL_USERNAME": "consumer"}, "CONSUMER_KAFKA_SASL_USERNAME"),
        ({"KAFKA_SSL_CA_FILE": __file__}, "CONSUMER_KAFKA_SSL_CA_FILE"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEY_FILE": __file__}, "CONSUMER_KAFKA_SSL_CERT_FILE"),
    ],
)
def test_a_contradiction_is_a_problem(changes: dict[str, str], named: str) -> None:
    """Settings that are each good but contradict each other stop the start with one sentence."""
    (problem,) = problems(**changes)

    assert problem.startswith(named + " ")


@pytest.mark.parametrize("hidden", ["opentelemetry", "opentelemetry.exporter.otlp.proto.http", "requests"])
def test_traces_need_the_whole_extra(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a part of it is there, as in an image that others have instrumented."""

    class Hider:
        """As if it were not installed."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == hidden:
                raise ModuleNotFoundError(name)

    for name in [each for each in sys.modules if each == hidden or each.startswith(f"{hidden}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hider(), *sys.meta_path])

    assert ("CONSUMER_TRACES needs the extra `otel`: install session-consumer[otel], or use the image.",) == (
        problems(TRACES="otlp")
    )


def test_the_call_may_take_all_but_five_seconds_of_the_stop() -> None:
    """The bound of the contract is allowed itself: 20 s of 25."""
    assert load(ZOHO_TIMEOUT_SECONDS="20").accounts[0].zoho_timeout_seconds == 20.0


def test_sasl_needs_all_three_of_its_settings() -> None:
    """SASL without mechanism, user and password is three problems."""
    found = problems(KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT")

    assert [problem.split()[0] for problem in found] == [
        "CONSUMER_KAFKA_SASL_MECHANISM",
        "CONSUMER_KAFKA_SASL_USERNAME",
        "CONSUMER_KAFKA_SASL_PASSWORD",
    ]


def test_a_wrong_value_is_not_reported_a_second_time_as_a_contradiction() -> None:
    """What can't be read takes part in no check: one mistake, one sentence."""
    found = problems(SHUTDOWN_SECONDS="soon", ZOHO_TIMEOUT_SECONDS="200")

    assert [problem.split()[0] for problem in found] == ["CONSUMER_SHUTDOWN_SECONDS"]


@pytest.mark.parametrize("name", list(DATA_CENTRES))
def test_a_data_centre_gives_both_hosts(name: str) -> None:
    """People and accounts host always belong to the same data centre."""
    account = load(ZOHO_DATA_CENTRE=name).accounts[0]

    assert account.zoho_people_url.removeprefix("https://people.") == account.zoho_accounts_url.removeprefix(
        "https://accounts."
    )


def test_canada_has_a_domain_of_its_own() -> None:
    """The one data centre that is not zoho.<name>."""
    assert DATA_CENTRES["ca"] == ("https://people.zohocloud.ca", "https://accounts.zohocloud.ca")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://people.zoho.com/", "https://people.zoho.com"),
        ("https://gate.example:8443/zoho", "https://gate.example:8443/zoho"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://127.0.0.9:9000", "http://127.0.0.9:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_urls_that_tokens_may_go_to(text: str, url: str) -> None:
    """https anywhere, http on loopback, without a trailing slash."""
    assert check_url(text) == url


@pytest.mark.claim("S-37")
@pytest.mark.parametrize(
    "text",
    [
        "http://people.zoho.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "https://user:s3cret@people.zoho.com",
        "https://people.zoho.com?x=1",
        "https://people.zoho.com/#x",
        "https://people.zoho.com/a/../b",
        "https://people.zoho.com:99999",
        "https://people.zoho.com:0",
        "https://",
        "people.zoho.com",
        "ftp://people.zoho.com",
        "https://people.zoho.com\\@evil.example",
        "https://people.zoho.com/ x",
        "https://[::1",
        "https://a..b",
        "https://%41.example",
        "https://" + "x" * 500,
    ],
)
def test_urls_that_tokens_must_not_go_to(text: str) -> None:
    """Anything else is refused, and the refusal doesn't quote it."""
    with pytest.raises(ValueError, match=r"must|is not") as caught:
        check_url(text)

    assert "s3cret" not in str(caught.value)


@pytest.mark.claim("S-81")
def test_secrets_are_never_shown() -> None:
    """No secret is in the repr, the text or the JSON of the settings."""
    settings = load_settings({**LEAST, **SASL})

    shown = f"{settings!r} {settings} {settings.model_dump_json()} {settings.accounts[0]!r} {settings.kafka}"

    assert "s3cret" not in shown
    assert settings.accounts[0].zoho_refresh_token.get_secret_value() == "s3cret-refresh"


@pytest.mark.claim("S-81")
def test_a_secret_that_is_refused_is_not_quoted() -> None:
    """A secret with a line break in it is a problem that doesn't repeat it."""
    (problem,) = problems(ZOHO_REFRESH_TOKEN="s3cret\nrefresh")

    assert "s3cret" not in problem
    assert "CONSUMER_ZOHO_REFRESH_TOKEN" in problem


def test_settings_do_not_change() -> None:
    """A loaded setting can't be assigned to."""
    with pytest.raises(ValidationError):
        load().kafka.group_id = "other"  # type: ignore[misc]


def test_a_file_gives_what_the_environment_does_not(tmp_path: Path) -> None:
    """A file of the variable's name counts; one line break at its end does not."""
    (tmp_path / "CONSUMER_ZOHO_REFRESH_TOKEN").write_text("from-file\r\n")
    environ = {name: value for name, value in LEAST.items() if name != "CONSUMER_ZOHO_REFRESH_TOKEN"}

    settings = load_settings({**environ, "CONSUMER_SECRETS_DIR": str(tmp_path)})

    assert settings.accounts[0].zoho_refresh_token.get_secret_value() == "from-file"
    assert settings.secrets_dir == str(tmp_path)


def test_set_twice_is_a_problem_only_where_the_two_differ(tmp_path: Path) -> None:
    """The same value in both places is fine; another one is refused, quoting neither."""
    file = tmp_path / "CONSUMER_ZOHO_REFRESH_TOKEN"
    file.write_text("s3cret-refresh\n")
    load(SECRETS_DIR=str(tmp_path))
    file.write_text("s3cret-other\n")

    (problem,) = problems(SECRETS_DIR=str(tmp_path))

    assert problem.startswith("CONSUMER_ZOHO_REFRESH_TOKEN is set twice")
    assert "s3cret" not in problem


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (MAX_FILE_BYTES + 1)])
def test_a_file_that_is_no_setting_is_a_problem(tmp_path: Path, content: bytes) -> None:
    """Bytes that are no UTF-8 text, or too many of them, are refused."""
    (tmp_path / "CONSUMER_ZOHO_CLIENT_SECRET").write_bytes(content)
    environ = {name: value for name, value in LEAST.items() if name != "CONSUMER_ZOHO_CLIENT_SECRET"}

    with pytest.raises(SettingsError) as caught:
        load_settings({**environ, "CONSUMER_SECRETS_DIR": str(tmp_path)})

    (problem,) = caught.value.problems
    assert problem.startswith("CONSUMER_ZOHO_CLIENT_SECRET has a file")


def test_an_empty_variable_counts_as_not_set() -> None:
    """A chart that renders an empty value gets the default."""
    assert load(QUOTA_REQUESTS="").accounts[0].quota_requests == 30


def test_an_unknown_variable_is_a_warning_with_the_likely_name() -> None:
    """A mistyped name doesn't stop the start, but is pointed out."""
    assert load(QUOTA_REQUEST="9").warnings == (
        "CONSUMER_QUOTA_REQUEST is set, but no setting has that name; did you mean CONSUMER_QUOTA_REQUESTS?",
    )


def test_what_kubernetes_injects_is_no_warning() -> None:
    """A Service named `consumer` makes Kubernetes set such variables in every pod."""
    assert load(SERVICE_HOST="10.0.0.1", PORT_8080_TCP_ADDR="10.0.0.1").warnings == ()


def test_warnings_are_bounded() -> None:
    """A thousand strangers are twenty sentences and a count."""
    assert len(load(**{f"STRANGER_{number}": "x" for number in range(1_000)}).warnings) == MAX_WARNINGS + 1


def test_a_mistyped_name_is_said_beside_what_it_leaves_missing() -> None:
    """Who mistypes a required variable is told which one was meant."""
    with pytest.raises(SettingsError) as caught:
        load_settings({**LEAST, "CONSUMER_ZOHO_TIME_ZONE": "", "CONSUMER_ZOHO_TIMEZONE": "Asia/Kolkata"})

    assert "did you mean CONSUMER_ZOHO_TIME_ZONE?" in caught.value.problems[-1]


def test_kafka_and_topics_load_without_zoho() -> None:
    """`topics` and `event publish` need no Zoho setting, and don't mind a wrong one."""
    environ = {"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "[::1]:9092, b:1", "CONSUMER_SOURCE_TOPIC": "t"}
    environ["CONSUMER_ZOHO_DATA_CENTRE"] = "nowhere"

    assert load_kafka_settings(environ).bootstrap_servers == "[::1]:9092,b:1"
    assert load_topic_settings(environ).accounts[0].outcomes_topic == "t.outcomes"


def test_event_rules_load_without_anything() -> None:
    """`event validate` works in an empty environment, and takes the zone where there is one."""
    assert load_event_settings({}).zoho_time_zone is None
    assert load_event_settings(LEAST).zoho_time_zone == "Asia/Kolkata"


@pytest.mark.parametrize(
    "name", ["CONSUMER_SECRETS_DIR", "CONSUMER_ACCOUNTS_FILE", "CONSUMER_KAFKA_SSL_CA_FILE"]
)
def test_a_path_that_cannot_be_gone_is_a_problem(name: str) -> None:
    """No right on the way, a stale mount, too long a name: a sentence, as for a path that is not there."""
    told = problems(**{name.removeprefix("CONSUMER_"): f"/{'x' * 300}/y"})

    assert [name] == [problem.split()[0] for problem in told if "check the path" in problem]


@given(
    st.dictionaries(
        st.sampled_from([setting.variable for setting in SETTINGS]), st.text(max_size=20), max_size=6
    )
)
def test_no_text_whatever_breaks_the_reading(texts: dict[str, str]) -> None:
    """Any texts give settings or sentences about variables, never another error."""
    environ = {**LEAST, **texts}
    try:
        load_settings(environ)
    except SettingsError as exc:
        assert all(problem.startswith("CONSUMER_") for problem in exc.problems)  # noqa: PT017


def test_the_reference_pages_are_up_to_date() -> None:
    """docs/settings.md and docs/metrics.md say what the tables say."""
    assert {path.name: path.read_text(encoding="utf-8") for path in pages()} == {
        path.name: text for path, text in pages().items()
    }
