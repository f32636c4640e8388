"""A replay's plan, for people and for programs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from consumer.cli.event_files import counted
from consumer.cli.rows import Row, one_line, write_rows
from consumer.cli.running import NoAnswerError, duration, read_status
from consumer.dlq.pace import Quota, replay_seconds
from consumer.dlq.plan import Plan, Skip, Skipped
from consumer.dlq.register import Register
from consumer.settings import ReplaySettings

_WHY: Mapping[Skip, str] = {
    Skip.SUPERSEDED: "superseded: a newer change was applied",
    Skip.APPLIED: "applied already",
    Skip.DISCARDED: "discarded",
    Skip.REPLAYING: "being replayed (lost? once more with its ID and --force)",
    Skip.REPLAYED_SINCE: "replayed by another run since",
    Skip.TOO_OFTEN: "replayed too often (--max-replays)",
    Skip.NOT_RETRYABLE: "would fail again unless mended (--force)",
    Skip.BEYOND_LIMIT: "beyond --limit",
}
_MAX_UNKNOWN = 5


@dataclass(frozen=True, slots=True)
class Consumer:
    """What a running consumer says of the account; `note`: a sentence where that matters now."""

    status: Mapping[str, Any] | None
    note: str | None

    @property
    def share(self) -> float:
        """What of the quota is ours beside others who use the account."""
        return 1.0 if self.status is None else float(self.status["quota"]["share"])

    @property
    def backlog_seconds(self) -> float:
        """How long the events that wait take."""
        return 0.0 if self.status is None else float(self.status["backlog"]["eta_seconds"])


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan with what it takes."""

    plan: Plan
    settings: ReplaySettings
    live_in_window: float
    consumer: Consumer

    @property
    def seconds(self) -> float:
        """About how long it takes, at most."""
        account = self.settings.account
        return replay_seconds(
            self.plan.most_calls,
            Quota(account.quota_requests, account.quota_window_seconds, account.replay_share),
            self.live_in_window,
            share=self.consumer.share,
            backlog_seconds=self.consumer.backlog_seconds,
        )


def ask_consumer(url: str | None, account: str) -> Consumer:
    """A running consumer, if one answers at `url`; UsageError where that is no URL. Blocks for seconds."""
    if url is None:
        return Consumer(None, None)
    try:
        status = read_status(url)["accounts"].get(account)
    except ValueError as exc:
        raise click.UsageError(f"--url: {exc}") from None
    except NoAnswerError as exc:
        return Consumer(None, f"No consumer answers: {exc} Replays wait until one runs.")
    if status is None:
        return Consumer(None, f"The consumer at {url} serves no account {account}.")
    try:
        consumer = Consumer(status, _note(account, status))
        _ = (consumer.share, consumer.backlog_seconds, status["backlog"]["events"])
    except (KeyError, TypeError, ValueError):
        return Consumer(None, f"The consumer at {url} is of another release.")
    return consumer


def _note(account: str, status: Mapping[str, Any]) -> str | None:
    if status["state"] == "running":
        return None
    if status["state"] == "standby":
        return f"The consumer that answers is on standby for {account}: another one has it, or is about to."
    until = ""
    if status["until"]:
        left = (datetime.fromisoformat(status["until"]) - datetime.now(UTC)).total_seconds()
        until = f" for {duration(left)} more" if round(left) > 0 else ""
    reason = f": {status['reason']}" if status["reason"] else "."
    return one_line(f"{account} is {status['state']}{until}{reason}")


def write_plan(shown: Shown, *, err: bool) -> None:
    """The plan as a few lines; warnings on stderr."""
    for line in _lines(shown):
        click.echo(line, err=err)
    for warning in _warnings(shown):
        click.echo(f"Warning: {warning}", err=True)


def write_plan_rows(shown: Shown, register: Register, output_format: str) -> None:
    """For programs: a row for each dead letter that was meant; as JSON one object with these among it."""
    rows = list(_rows(shown.plan, register))
    if output_format != "json":
        write_rows(rows, output_format, {})
        return
    plan, account, consumer = shown.plan, shown.settings.account, shown.consumer
    found = {
        "account": account.name,
        "matched": plan.matched,
        "sent_before": plan.sent,
        "replay": len(plan.items),
        "mended": plan.mended,
        "own_versions": plan.own_versions,
        "over_newer": plan.over_newer,
        "skipped": {str(why): count for why, count in plan.skips.items()},
        "unknown": list(plan.unknown),
        "calls": {"least": plan.least_calls, "most": plan.most_calls},
        "seconds": round(shown.seconds, 1),
        "quota": {
            "requests": account.quota_requests,
            "window_seconds": account.quota_window_seconds,
            "replay_share": account.replay_share,
            "live_calls_per_window": round(shown.live_in_window, 2),
        },
        "consumer": consumer.status,
        "warnings": list(_warnings(shown)),
        "dead_letters": rows,
    }
    click.echo(json.dumps(found, indent=2))


def write_changed(changed: list[Skipped]) -> None:
    """What was in the plan and is left out all the same."""
    for why in Skip:
        if count := sum(each.why is why for each in changed):
            said = _WHY[why].partition(" (")[0]  # what helps is in the plan
            click.echo(f"Changed since the plan: {counted(count, 'dead letter')} {said}; left out.", err=True)


def _lines(shown: Shown) -> Iterator[str]:
    plan, account = shown.plan, shown.settings.account
    yield f"Account {one_line(account.name)}: {counted(plan.matched, 'dead letter')} matched."
    if plan.sent:
        yield f"{plan.sent:>8,}  sent by this run before"
    for why, count in plan.skips.items():
        yield f"{count:>8,}  skipped, {_WHY[why]}"
    mended = f", {plan.mended:,} of them mended" if plan.mended else ""
    yield f"{len(plan.items):>8,}  to replay{mended}"
    if plan.own_versions:
        yield f"{plan.own_versions:>8,}  mended with a time or revision of their own"
    if plan.over_newer:
        yield f"{plan.over_newer:>8,}  mended over a newer change of their session (--force)"
    if plan.items:
        time = f"about {duration(shown.seconds)}" if shown.seconds >= 1 else "a few seconds"
        yield f"{_calls(plan)}: {time} {_pace(shown)}."


def _calls(plan: Plan) -> str:
    if plan.least_calls == plan.most_calls:
        return counted(plan.most_calls, "call")
    return f"{plan.least_calls:,} to {plan.most_calls:,} calls, one a session at least"


def _pace(shown: Shown) -> str:
    account = shown.settings.account
    quota = f"at {account.quota_requests} calls in {account.quota_window_seconds:g} s"
    if shown.live_in_window >= 1:
        quota += f" beside {shown.live_in_window:.0f} for live events"
    return quota


def _warnings(shown: Shown) -> Iterator[str]:
    plan = shown.plan
    if plan.unknown:
        listed = ", ".join(one_line(each)[:100] for each in plan.unknown[:_MAX_UNKNOWN])
        more = ", …" if len(plan.unknown) > _MAX_UNKNOWN else ""
        yield f"{len(plan.unknown):,} unknown: no such dead letter, or retention took it: {listed}{more}"
    if shown.consumer.note:
        yield shown.consumer.note
    status = shown.consumer.status
    left = None if status is None else status["quota"].get("left_today")
    if isinstance(left, int) and left < plan.most_calls:
        yield f"Only {left:,} calls are left today; the rest waits for tomorrow's."


def _rows(plan: Plan, register: Register) -> Iterator[Row]:
    for action, why, letter in (
        *(("replay", None, item.letter) for item in plan.items),
        *(("skip", str(each.why), each.letter) for each in plan.skipped),
    ):
        standing = register.standing(letter)
        yield {
            "id": letter.id,
            "action": action,
            "why": why,
            "class": letter.error_class,
            "state": standing.state,
            "session": letter.session,
            "event_id": letter.event_id,
            "replay_count": standing.replay_count,
        }
