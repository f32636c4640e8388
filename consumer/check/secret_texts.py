"""The secrets themselves, to blot them out wherever somebody else quotes one."""

from collections.abc import Iterator

from pydantic import SecretStr

from consumer.settings import Explanation


def secret_texts(explanation: Explanation) -> Iterator[str]:
    """Every secret of the settings that could be read."""
    values = [value for account in explanation.accounts for value in account.values.values()]
    if explanation.kafka is not None:
        values.append(explanation.kafka.sasl_password)
    for value in values:
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
