"""Every setting with its source, and what is wrong, in the words of `run`."""

import json
from pathlib import Path

import pytest

from consumer.check.rows import Gravity, Mark, Row
from consumer.check.setting_rows import setting_rows
from consumer.settings import SETTINGS, SettingsError, explain, load_settings
from tests.unit.accounts_scene import Scene

GOOD = {
    "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "CONSUMER_ZOHO_CLIENT_ID": "1000.ABC",
    "CONSUMER_ZOHO_CLIENT_SECRET": "s3cret-client",
    "CONSUMER_ZOHO_REFRESH_TOKEN": "s3cret-refresh",
    "CONSUMER_ZOHO_TIME_ZONE": "Asia/Kolkata",
}


def rows_of(environ: dict[str, str], account: str | None = None) -> dict[str, Row]:
    """By subject; no secret is in any of them."""
    rows = list(setting_rows(explain(environ), account))
    assert "s3cret" not in json.dumps([(row.subject, row.found, row.todo) for row in rows])
    return {row.subject: row for row in rows}


def test_every_setting_is_told_with_its_source() -> None:
    """Set, by default, made from another, or not set at all."""
    rows = rows_of(GOOD | {"CONSUMER_ZOHO_DATA_CENTRE": "eu", "CONSUMER_CREATE_TOPICS": "TRUE"})

    assert rows.keys() == {setting.variable for setting in SETTINGS}
    assert {row.mark for row in rows.values()} == {Mark.OK}
    found = {name.removeprefix("CONSUMER_"): row.found for name, row in rows.items()}
    assert found["KAFKA_BOOTSTRAP_SERVERS"] == "kafka:9092  (environment)"
    assert found["ZOHO_REFRESH_TOKEN"] == "(secret)  (environment)"
    assert found["CREATE_TOPICS"] == "true  (environment)"
    assert found["QUOTA_WINDOW_SECONDS"] == "60  (default)"
    assert found["DEAD_LETTER_TOPIC"] == "training.session.changed.dlq  (default, from CONSUMER_SOURCE_TOPIC)"
    assert found["ZOHO_PEOPLE_URL"] == "https://people.zoho.eu  (default, from CONSUMER_ZOHO_DATA_CENTRE)"
    assert found["KAFKA_SASL_PASSWORD"] == "not set"


def test_a_file_of_the_secrets_directory_is_a_source(tmp_path: Path) -> None:
    """And its content is no less a secret."""
    (tmp_path / "CONSUMER_ZOHO_REFRESH_TOKEN").write_text("s3cret-in-file\n")
    environ = {name: text for name, text in GOOD.items() if name != "CONSUMER_ZOHO_REFRESH_TOKEN"}

    rows = rows_of(environ | {"CONSUMER_SECRETS_DIR": str(tmp_path)})

    assert rows["CONSUMER_ZOHO_REFRESH_TOKEN"].found == "(secret)  (file in CONSUMER_SECRETS_DIR)"
    assert rows["CONSUMER_ZOHO_CLIENT_SECRET"].found == "(secret)  (environment)"


def test_an_account_of_the_file_is_told_with_its_lines(tmp_path: Path) -> None:
    """What it sets by its line, the rest by where it is from; no path of a secret: it may be one."""
    scene = Scene(tmp_path)
    scene.write(scene.two(quota_requests=7))

    rows = rows_of(scene.environment(QUOTA_WINDOW_SECONDS="90"), "b")

    assert rows["accounts.b.quota_requests"].found == f"7  ({scene.file}:14)"
    secret = rows["accounts.b.zoho_refresh_token_file"]
    assert secret.found == f"(secret)  ({scene.file}:12)"
    assert rows["CONSUMER_QUOTA_WINDOW_SECONDS"].found == "90  (environment)"
    assert not any(subject.startswith("accounts.a.") for subject in rows)


def test_the_problems_are_those_of_run() -> None:
    """All of them, each as settings' fault; a value that can't be used is not shown."""
    environ = GOOD | {"CONSUMER_QUOTA_REQUESTS": "s3cret-misplaced", "CONSUMER_ZOHO_TIME_ZONE": "Nowhere"}
    with pytest.raises(SettingsError) as refused:
        load_settings(environ)

    explanation = explain(environ)
    problems = [row for row in setting_rows(explanation, None) if row.gravity is Gravity.SETTINGS]

    assert [f"{row.subject} {row.found}" for row in problems] == list(refused.value.problems)
    assert (explanation.settings, explanation.kafka is None) == (None, False)
    assert explanation.accounts[0].topics is not None, "what can be used is"
    unusable = next(
        row for row in setting_rows(explanation, None) if row.subject == "CONSUMER_QUOTA_REQUESTS"
    )
    assert unusable.found == "can't be used  (environment)"


def test_a_name_that_is_no_setting_is_told_and_is_no_fault() -> None:
    """Kubernetes adds variables of its own."""
    row = rows_of(GOOD | {"CONSUMER_KAFKA_GROUP": "x"})["CONSUMER_KAFKA_GROUP"]

    assert row.mark is Mark.UNCHECKED
    assert "did you mean CONSUMER_KAFKA_GROUP_ID?" in row.found


def test_a_token_in_the_wrong_place_is_not_shown() -> None:
    """Pasted as the client id, it would be on every screen that the check is shown on."""
    token = f"1000.{'0a' * 16}.{'b1' * 16}"
    row = rows_of(GOOD | {"CONSUMER_ZOHO_CLIENT_ID": token})["CONSUMER_ZOHO_CLIENT_ID"]

    assert row.found == "(looks like a token, not shown)  (environment)"
