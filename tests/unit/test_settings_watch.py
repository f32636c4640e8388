"""Settings that change while the process runs: what is good is taken over, the rest is told and stays."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from consumer.settings import Settings, SettingsWatch, load_settings, process_differences
from consumer.settings.watch import Changed
from tests.unit.accounts_scene import Scene
from tests.unit.test_settings import LEAST, SASL


@dataclass
class Watched:
    """A process with the accounts a and b of the scene, and a secrets directory."""

    scene: Scene
    running: Settings
    watch: SettingsWatch

    @property
    def secrets(self) -> Path:
        return self.scene.directory / "secrets"

    def changed(self) -> Changed:
        found = second_look(self.watch)
        assert found is not None
        assert not [problem for problem in found.problems if "s3cret" in problem]
        return found

    def tokens(self, changed: Changed) -> list[str]:
        return [account.zoho_refresh_token.get_secret_value() for account in changed.settings.accounts]


def second_look(watch: SettingsWatch) -> Changed | None:
    """The first one leaves alone what may still be written."""
    assert watch.changed() is None
    return watch.changed()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    scene = Scene(tmp_path)
    (tmp_path / "secrets").mkdir()
    scene.write(scene.two())
    environ = scene.environment(SECRETS_DIR=str(tmp_path / "secrets"))
    running = load_settings(environ)
    return Watched(scene, running, SettingsWatch(running, environ))


def write(file: Path, text: str) -> None:
    """A new file each time, so that no clock's resolution hides the change."""
    aside = file.with_name("aside")
    aside.write_text(text)
    aside.replace(file)


def test_a_changed_file_is_read_anew_and_wins_over_its_variable(tmp_path: Path) -> None:
    """Noticed once for each change, at the second look; what can't be used is said and changes nothing."""
    environ = {**LEAST, "CONSUMER_SECRETS_DIR": str(tmp_path), "CONSUMER_REFUSALS_BEFORE_HOLD": "7"}
    watch = SettingsWatch(load_settings(environ), environ)
    file = tmp_path / "CONSUMER_REFUSALS_BEFORE_HOLD"

    assert watch.changed() is None
    for text, expected in (("0\n", (0, 0)), ("many\n", (0, 1)), ("3\n", (3, 0))):
        write(file, text)
        changed = second_look(watch)
        assert changed is not None
        assert expected == (changed.settings.accounts[0].refusals_before_hold, len(changed.problems))
        assert watch.changed() is None


def test_a_secret_that_is_swapped_by_its_link_is_noticed(tmp_path: Path) -> None:
    """As Kubernetes does it: the files are links into a directory that is itself a link."""
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "CONSUMER_ZOHO_REFRESH_TOKEN").write_text(version)
    (tmp_path / "mount").mkdir()
    current = tmp_path / "mount" / "..data"
    current.symlink_to(tmp_path / "one")
    (tmp_path / "mount" / "CONSUMER_ZOHO_REFRESH_TOKEN").symlink_to(current / "CONSUMER_ZOHO_REFRESH_TOKEN")
    environ = {**LEAST, "CONSUMER_SECRETS_DIR": str(tmp_path / "mount")}
    del environ["CONSUMER_ZOHO_REFRESH_TOKEN"]
    watch = SettingsWatch(load_settings(environ), environ)

    assert watch.changed() is None
    current.unlink()
    current.symlink_to(tmp_path / "two")
    anew = second_look(watch)
    assert anew is not None
    assert anew.settings.accounts[0].zoho_refresh_token.get_secret_value() == "two"


def test_one_accounts_unreadable_secret_keeps_no_other_from_its_new_one(watched: Watched) -> None:
    """Its own stays as it was until its file is mended."""
    (watched.scene.directory / "a-refresh-token").unlink()
    write(watched.scene.directory / "b-refresh-token", "s3cret-b-new")
    changed = watched.changed()

    assert watched.tokens(changed) == ["s3cret-a-refresh-token", "s3cret-b-new"]
    assert ["accounts.a.zoho_refresh_token_file"] == [problem.split()[1] for problem in changed.problems]

    write(watched.scene.directory / "a-refresh-token", "s3cret-a-new")
    assert watched.tokens(watched.changed()) == ["s3cret-a-new", "s3cret-b-new"]


def test_a_wrong_setting_of_the_process_keeps_no_account_from_its_new_secret(watched: Watched) -> None:
    """Neither does a wrong value that the environment has for all accounts: they keep the old one."""
    write(watched.secrets / "CONSUMER_LOG_LEVEL", "loud")
    write(watched.scene.directory / "b-refresh-token", "s3cret-b-new")
    changed = watched.changed()

    assert watched.tokens(changed) == ["s3cret-a-refresh-token", "s3cret-b-new"]
    assert ["CONSUMER_LOG_LEVEL"] == [problem.split()[0] for problem in changed.problems]
    assert changed.settings.log_level == "info"

    write(watched.secrets / "CONSUMER_QUOTA_REQUESTS", "many")
    write(watched.scene.directory / "b-refresh-token", "s3cret-b-newer")
    assert [account.quota_requests for account in watched.changed().settings.accounts] == [30, 30]


@pytest.mark.parametrize("broken", ["accounts: {", "accounts:\n  a:\n    quota: 1\n"])
def test_a_broken_accounts_file_changes_nothing(watched: Watched, broken: str) -> None:
    """It is whole or not taken over: what is cut off must not count as removed."""
    write(watched.scene.file, broken)
    changed = watched.changed()

    assert watched.running.accounts == changed.settings.accounts
    assert changed.problems


def test_two_accounts_with_one_token_change_nothing(watched: Watched) -> None:
    """A secret in the wrong place would use one quota twice."""
    write(watched.scene.directory / "b-refresh-token", "s3cret-a-refresh-token")

    assert watched.tokens(watched.changed()) == ["s3cret-a-refresh-token", "s3cret-b-refresh-token"]


def test_a_secrets_directory_that_cannot_be_reached_changes_nothing(tmp_path: Path) -> None:
    """It is told, not taken for an empty one; and noticed when it is back."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "CONSUMER_REFUSALS_BEFORE_HOLD").write_text("5")
    mount = tmp_path / "mount"
    mount.symlink_to("there")
    environ = {**LEAST, "CONSUMER_SECRETS_DIR": str(mount)}
    watch = SettingsWatch(load_settings(environ), environ)

    mount.unlink()
    mount.symlink_to("x" * 300)
    gone = second_look(watch)
    mount.unlink()
    mount.symlink_to("there")
    back = second_look(watch)

    assert gone is not None
    assert back is not None
    assert [5, 5] == [each.settings.accounts[0].refusals_before_hold for each in (gone, back)]
    assert ["CONSUMER_SECRETS_DIR"] == [problem.split()[0] for problem in gone.problems]


def test_a_file_that_may_be_read_at_last_is_noticed(watched: Watched) -> None:
    """Its mode is mended, nothing else about it."""
    (watched.scene.directory / "a-refresh-token").chmod(0o604)

    assert watched.changed().problems == ()


def test_the_processes_changed_settings_are_named_by_their_variables(tmp_path: Path) -> None:
    """Those of an account are not among them."""
    environ = {**LEAST, **SASL, "CONSUMER_SECRETS_DIR": str(tmp_path)}
    running = load_settings(environ)
    watch = SettingsWatch(running, environ)
    for name, text in (("LOG_LEVEL", "debug"), ("KAFKA_SASL_PASSWORD", "new"), ("ATTEMPTS", "3")):
        write(tmp_path / f"CONSUMER_{name}", text)
    changed = second_look(watch)

    assert changed is not None
    expected = ["CONSUMER_KAFKA_SASL_PASSWORD", "CONSUMER_LOG_LEVEL"]
    assert expected == list(process_differences(running, changed.settings))
