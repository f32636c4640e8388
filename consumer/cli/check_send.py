"""The part of `check` that makes one real call: the event, the question, the answer."""

import asyncio
import signal
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from consumer.check.looks import Looked
from consumer.check.rows import Gravity, Group, Row, gravest
from consumer.check.send_rows import call_rows, not_made, unanswered
from consumer.check.sending import NotSent, Operator, Sent, Unanswered, send
from consumer.check.zoho_rows import ZohoAccess, call_token_rows
from consumer.cli import exit_codes
from consumer.cli.event_files import check_files, write_findings
from consumer.events.binary import Envelope, Message, to_message
from consumer.events.model import Event
from consumer.kafka.connection import KafkaRefusedError
from consumer.kafka.inspection import SeenGroup
from consumer.settings import AccountSettings, Explanation, Settings

_SOURCE = "urn:session-consumer:check"


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """A valid event, and the record that it would be."""

    event: Event
    message: Message


def check_event(file: str, account: str | None) -> CheckedEvent:
    """The one event of the file; ends the command where there is not one, or it is not valid."""
    found, settings = check_files([file], None, account)
    checked = list(found)
    if any(each.findings for each in checked):
        write_findings(checked, "table")
        click.echo("Nothing was checked or sent. Mend the event.", err=True)
        raise click.exceptions.Exit(exit_codes.FINDINGS)
    if len(checked) != 1 or not isinstance(checked[0].reading, Event):
        raise click.UsageError("--send: the file must hold one event of our type.")
    (each,) = checked
    envelope = Envelope(str(uuid.uuid4()), _SOURCE, datetime.now(UTC).isoformat())
    message = to_message(each.document.raw, each.form, envelope, settings.max_event_bytes)
    return CheckedEvent(checked[0].reading, message)


def send_rows(
    explanation: Explanation, looked: Looked, checked: CheckedEvent | None, account: str | None, *, yes: bool
) -> tuple[Sequence[Row], int | None]:
    """Ask, send, and say what came of it, or why nothing was sent; the exit code where a signal came."""
    group = Group("call")
    settings = explanation.settings
    worst = gravest(looked.rows)
    if settings is None or checked is None or looked.group is None:
        return [group.unchecked("not made", "mend what is wrong above first")], None
    own = next(each for each in settings.accounts if account in (None, each.name))
    if (refused := _refused(looked.group, own.source_topic)) is not None:
        return [refused], None
    if worst is not None and worst > Gravity.FINDING:
        return [group.unchecked("not made", "mend what is wrong above first")], None
    if own.source_topic in looked.missing:
        todo = "Create it: session-consumer topics create"
        return [group.unchecked("not made", f"{own.source_topic} does not exist", todo)], None
    if not yes:
        question = (
            f"This changes session {checked.event.session.session_id} at {own.zoho_people_url} "
            "and takes one call of the quota. Go on?"
        )
        if not click.confirm(question, err=True):
            return [group.unchecked("not made", "you said no")], None
    return _sent(settings, own, checked)


def _refused(group: SeenGroup, source: str) -> Row | None:
    """Somebody owns the account, or may do so at any moment: joining would make them hand over."""
    owner = group.owner(source)
    if owner is not None:
        return not_made(f"{owner} owns the account", owned=True, account="")
    if not group.settled:
        names = "; ".join(str(member) for member in group.members[:5])
        reason = f"the group is rebalancing ({group.state}); its members: {names}"
        return not_made(reason, owned=True, account="")
    return None


def _sent(
    settings: Settings, account: AccountSettings, checked: CheckedEvent
) -> tuple[Sequence[Row], int | None]:
    signals = _Signals()

    async def sending() -> Sent | Unanswered | NotSent:
        signals.listen()
        return await send(settings, account, checked.event, checked.message, signals.operator)

    group = Group("call")
    try:
        found = asyncio.run(sending())
    except KafkaRefusedError as exc:
        refused = group.bad(Gravity.REFUSED, "not made", str(exc), "Grant what is missing.")
        return [refused], signals.exit_code
    match found:
        case NotSent() if signals.exit_code is not None:
            rows = [group.unchecked("not made", "interrupted before the call: nothing was sent")]
        case NotSent():
            rows = [not_made(found.reason, owned=found.owned, account="", todo=found.todo)]
        case Unanswered():
            rows = [unanswered(checked.event, "")]
        case Sent():
            access = ZohoAccess.of(_values(account))
            verdict = found.report.verdict
            tokens = [] if access is None else call_token_rows(verdict, found.answers, access, "")
            rows = [*call_rows(found.report, checked.event, account, ""), *tokens]
    return rows, signals.exit_code


class _Signals:
    """Ctrl+C and SIGTERM while a call is made: the rows say all the same what is known of it.

    `exit_code` is that of the first signal.
    """

    def __init__(self) -> None:
        self.operator = Operator(lambda text: click.echo(text, err=True))
        self.exit_code: int | None = None

    def listen(self) -> None:
        """For as long as the running loop lasts."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._came, exit_codes.INTERRUPTED)
        loop.add_signal_handler(signal.SIGTERM, self._came, exit_codes.TERMINATED)

    def _came(self, exit_code: int) -> None:
        self.exit_code = self.exit_code or exit_code
        self.operator.interrupt()


def _values(account: AccountSettings) -> dict[str, object]:
    """By the settings' names without prefix."""
    return {name.upper(): getattr(account, name) for name in AccountSettings.model_fields}
