"""From what `dlq replay` is asked for to a plan, anew or of a run that was interrupted."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from consumer.cli.dlq.chosen import full_ids
from consumer.cli.dlq.options import whoami
from consumer.cli.dlq.replay_input import Directory, MendedEvents, Mending, new_run_id, read_ids
from consumer.cli.dlq.replay_run import Prepared
from consumer.clock import rfc3339
from consumer.dlq.picture import FormerRun, Picture
from consumer.dlq.plan import MAX_REPLAYS, Rules, make_plan, through
from consumer.dlq.run import RunSheet
from consumer.dlq.scope import MAX_SCOPE_BYTES, Scope
from consumer.dlq.selection import Selection
from consumer.settings import ReplaySettings, TopicSettings


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for; None: not given."""

    selection: Selection
    resume: str | None
    file: str | None
    directory: Path | None
    limit: int | None
    canary: int | None
    max_replays: int | None
    force: bool
    reason: str | None
    by: str | None


async def prepare(settings: ReplaySettings, request: Request) -> tuple[Prepared, int]:
    """The plan and what belongs to it, and the canary's size.

    Raises UsageError and Exit for what is asked for, and KafkaUnreachableError and so on.
    """
    now = datetime.now(UTC)
    picture = Picture(settings.kafka, settings.account, now_seconds=now.timestamp())
    directory = None if request.directory is None else read_ids(request.directory)
    former: FormerRun | None = None
    if request.resume is not None:
        former = await picture.read_former(request.resume)
        scope = _scope_of(request.resume, former, directory)
    else:
        accounts = TopicSettings(kafka=settings.kafka, accounts=(settings.account,))
        scope = Scope(
            replace(request.selection, ids=full_ids(request.selection.ids, accounts)),
            ends={},
            max_replays=request.max_replays or MAX_REPLAYS,
            force=request.force,
            canary=request.canary or 0,
            directory=None if directory is None else directory.digest,
        )
    selection = scope.selection
    if directory is not None:
        selection = replace(selection, ids=tuple(directory.contents))
    ends = await picture.read(selection, None if former is None else scope.ends)
    mending = Mending(settings, list(picture.register), scope.force)
    mended: MendedEvents = {}
    if request.file is not None:
        mended = await mending.from_file(request.file)
    elif directory is not None:
        mended = await mending.from_directory(directory)
    rules = Rules(
        selection,
        max_replays=scope.max_replays,
        force=scope.force,
        limit=request.limit,
        mended={each: good.version for each, good in mended.items()},
        own_versions=frozenset(each for each, good in mended.items() if good.own_version),
        lost_too=scope.lost_too,
        through=scope.through,
        began_at=None if former is None else datetime.fromisoformat(former.at).timestamp(),
    )
    sent = () if former is None else former.sent.keys()
    plan = make_plan(picture.register, picture.register.standing, rules, sent=sent, known=picture.known)
    if former is None:
        scope = replace(scope, ends=ends, through=None if request.limit is None else through(plan.items))
    sheet = _sheet(request, former, scope, now)
    values = {each: good.mended for each, good in mended.items()}
    canary = scope.canary if request.canary is None else request.canary
    return Prepared(settings, picture, rules, plan, values, sheet, former), canary


def _scope_of(run_id: str, former: FormerRun | None, directory: Directory | None) -> Scope:
    if former is None:
        raise click.UsageError(
            f"There is no run {run_id} in the replay topic; see: session-consumer dlq runs"
        )
    if former.scope is None:
        raise click.UsageError(
            f"Run {run_id} can't be resumed: its first record is gone. Replay what is open anew; "
            "what it sent is left out."
        )
    try:
        scope = Scope.from_json(former.scope)
    except ValueError as exc:
        raise click.UsageError(f"Run {run_id} can't be resumed by this release ({exc}).") from exc
    if scope.directory != (None if directory is None else directory.digest):
        if directory is None:
            raise click.UsageError("This run's values come from a directory: give it again with --from.")
        raise click.UsageError("--from: this is not what the run began with.")
    return scope


def _sheet(request: Request, former: FormerRun | None, scope: Scope, now: datetime) -> RunSheet:
    text = scope.to_json()
    if len(text.encode(errors="replace")) > MAX_SCOPE_BYTES:
        raise click.UsageError("That is too many ids for one run; give filters, or --from a directory.")
    reason = request.reason if request.reason is not None else (former.reason if former else "")
    run_id = request.resume or new_run_id(now)
    return RunSheet(run_id, request.by or whoami(), rfc3339(now.timestamp()), reason, text)
