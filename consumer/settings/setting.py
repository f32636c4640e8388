"""One setting's declaration."""

from dataclasses import dataclass

from pydantic import BaseModel, SecretStr

from consumer.settings.model import AccountSettings, KafkaSettings, Settings
from consumer.settings.values import Parse

PREFIX = "CONSUMER_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    `name` is without the prefix. `model` and `field` say where its value ends up (None: it only
    steers the reading). `unit` is empty where there is none. `default_text` explains a default that
    is made from other settings.
    """

    name: str
    group: str
    parse: Parse
    meaning: str
    unit: str = ""
    model: type[BaseModel] | None = None
    field: str = ""
    required: bool = False
    default_text: str = ""

    @property
    def variable(self) -> str:
        """The name of the environment variable and of the file."""
        return PREFIX + self.name

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown."""
        return self.model is not None and "SecretStr" in str(self.model.model_fields[self.field].annotation)

    @property
    def of_account(self) -> bool:
        """Whether an account of the accounts file may set it: the account's name is its key there."""
        return self.name == "ZOHO_DATA_CENTRE" or (self.model is AccountSettings and self.name != "ACCOUNT")

    @property
    def account_key(self) -> str:
        """Its key in the accounts file: a secret is given there as the path of a file."""
        return self.name.lower() + ("_file" if self.secret else "")

    @property
    def default(self) -> object:
        """The value where it isn't set; None where there is none, or it is made from other settings."""
        if self.model is None or self.default_text:
            return None
        field = self.model.model_fields[self.field]
        return None if field.is_required() else field.default

    def wrap(self, value: object) -> object:
        """The value as the model holds it."""
        return SecretStr(str(value)) if self.secret else value


def kafka_setting(
    name: str, parse: Parse, meaning: str, unit: str = "", *, required: bool = False
) -> Setting:
    """A setting of `KafkaSettings`."""
    field = name.removeprefix("KAFKA_").lower()
    return Setting(name, "Kafka", parse, meaning, unit, KafkaSettings, field, required)


def account_setting(
    name: str,
    group: str,
    parse: Parse,
    meaning: str,
    unit: str = "",
    *,
    field: str = "",
    required: bool = False,
    default_text: str = "",
) -> Setting:
    """A setting of `AccountSettings`."""
    field = field or name.lower()
    return Setting(name, group, parse, meaning, unit, AccountSettings, field, required, default_text)


def process_setting(
    name: str, parse: Parse, meaning: str, unit: str = "", *, group: str = "Process"
) -> Setting:
    """A setting of `Settings` itself."""
    return Setting(name, group, parse, meaning, unit, Settings, name.lower())
