"""From the errors that end a command to its exit code and one message on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from consumer.cli import exit_codes
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError
from consumer.kafka.publisher import TopicMissingError
from consumer.kafka.topics import TopicRefusedError
from consumer.settings import SettingsError

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (TopicRefusedError, exit_codes.USAGE),
    (TopicMissingError, exit_codes.USAGE),
    (KafkaUnreachableError, exit_codes.UNREACHABLE),
    (KafkaRefusedError, exit_codes.REFUSED),
)


@contextmanager
def exit_codes_from_errors() -> Iterator[None]:
    """End the command with the contract's exit code where settings or Kafka are in the way."""
    try:
        yield
    except SettingsError as exc:
        count = len(exc.problems)
        click.echo(f"Settings: {count} problem{'s' if count > 1 else ''}.", err=True)
        for problem in exc.problems:
            click.echo(f"  {problem}", err=True)
        raise click.exceptions.Exit(exit_codes.USAGE) from exc
    except tuple(error for error, _ in _CODES) as exc:
        click.echo(f"Error: {exc}", err=True)
        raise click.exceptions.Exit(next(code for error, code in _CODES if isinstance(exc, error))) from exc
