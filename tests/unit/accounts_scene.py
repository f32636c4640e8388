"""An accounts file with the secrets it names, and what loading it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from consumer.settings import Settings, SettingsError, load_settings

KAFKA: Mapping[str, str] = {"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}
Account = dict[str, object]


@dataclass
class Scene:
    """A directory with an accounts file and the secrets it names."""

    directory: Path

    @property
    def file(self) -> Path:
        return self.directory / "accounts.yaml"

    def account(self, name: str, **changes: object) -> Account:
        """A complete account with secrets of its own; None takes a key away."""
        for secret in ("client-secret", "refresh-token"):
            (self.directory / f"{name}-{secret}").write_text(f"s3cret-{name}-{secret}\n")
        full: Account = {
            "source_topic": f"{name}.changed",
            "zoho_client_id": f"1000.{name}",
            "zoho_client_secret_file": f"{name}-client-secret",
            "zoho_refresh_token_file": f"{name}-refresh-token",
            "zoho_time_zone": "Asia/Kolkata",
        }
        return {key: value for key, value in (full | changes).items() if value is not None}

    def two(self, **changes: object) -> dict[str, Account]:
        """Accounts a and b; `changes` to b."""
        return {"a": self.account("a"), "b": self.account("b", **changes)}

    def write(self, accounts: object) -> None:
        self.file.write_text(yaml.safe_dump({"accounts": accounts}, sort_keys=False))

    def environment(self, **changes: str) -> dict[str, str]:
        own = {f"CONSUMER_{name}": value for name, value in changes.items()}
        return {**KAFKA, "CONSUMER_ACCOUNTS_FILE": str(self.file), **own}

    def load(self, accounts: object, **changes: str) -> Settings:
        self.write(accounts)
        return load_settings(self.environment(**changes))

    def problems(self, accounts: object, **changes: str) -> list[str]:
        """Every problem, with the file's directory taken off; none shows a secret."""
        self.write(accounts)
        return self.problems_of_text(self.file.read_text(), **changes)

    def problems_of_text(self, text: str, **changes: str) -> list[str]:
        self.file.write_text(text)
        with pytest.raises(SettingsError) as caught:
            load_settings(self.environment(**changes))
        assert "s3cret" not in str(caught.value)
        return [problem.removeprefix(f"{self.directory}/") for problem in caught.value.problems]
