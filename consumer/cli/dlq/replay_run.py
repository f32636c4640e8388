"""Carries a replay's plan out: canary, the rest, the wait; and says how it stands whenever it ends."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click

from consumer.cli import exit_codes
from consumer.cli.dlq.replay_plan import ask_consumer, write_changed
from consumer.cli.dlq.replay_result import Results, RunProgress, notes_of, summary
from consumer.cli.event_files import counted
from consumer.dlq.picture import FormerRun, Picture
from consumer.dlq.plan import Item, Plan, Rules, check_again
from consumer.dlq.run import Mended, RunSheet, Sending
from consumer.dlq.waiting import Awaited, Ended, Waiting
from consumer.kafka.connection import KafkaUnreachableError
from consumer.kafka.publisher import TopicMissingError
from consumer.kafka.replay_topic import ReplayTopic
from consumer.settings import ReplaySettings


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that is known before the first replay is sent. `former`: what the run sent before."""

    settings: ReplaySettings
    picture: Picture
    rules: Rules
    plan: Plan
    mended: Mapping[str, Mended]
    sheet: RunSheet
    former: FormerRun | None


@dataclass(frozen=True, slots=True)
class Manner:
    """How it goes. `canary`: so many first, 0 for none; `url`: where a consumer may answer."""

    canary: int
    waits: bool
    timeout_seconds: float
    output_format: str
    url: str | None
    go_on: str


class Operation:
    """One life of a run. `carry_out`, then `tell`, also where the first was interrupted."""

    def __init__(self, prepared: Prepared, manner: Manner) -> None:
        settings = prepared.settings
        self._prepared = prepared
        self._manner = manner
        self._run_id = prepared.sheet.run_id
        self._topic = ReplayTopic(settings.kafka, settings.account.replay_topic)
        self._sending = Sending(
            settings.kafka,
            settings.account,
            self._topic,
            prepared.picture,
            prepared.sheet,
            told=prepared.former is not None,
        )
        self._progress = RunProgress()
        self._results = Results(
            self._run_id,
            prepared.picture.register.letters,
            settings.account.source_topic,
            manner.output_format,
        )
        self._left: Sequence[Item] = prepared.plan.items
        self._awaited: Awaited | None = None
        self._canary_failed = False
        self._last_note = ""

    @property
    def sent(self) -> Mapping[str, int]:
        """What the run has sent, over all its lives: each one's replay count."""
        former = self._prepared.former
        before = {} if former is None else {each: replay.count for each, replay in former.sent.items()}
        return {**before, **self._sending.done.sent}

    async def carry_out(self) -> int:
        """Send and wait; the exit code. Raises KafkaUnreachableError and so on where nothing was sent."""
        try:
            if self._left:
                await self._send_all()
        finally:
            self._progress.end()
            await self._topic.close()
        await self._look_for_unanswered()
        done = self._sending.done
        if done.stopped is not None and not self.sent:
            return exit_codes.UNREACHABLE
        if self._manner.waits and self.sent and not self._canary_failed:
            await self._wait()
        return self._exit_code()

    def tell(self, *, interrupted: bool = False) -> None:
        """The rows, and how it stands."""
        self._progress.end()
        done = self._sending.done
        write_changed(done.changed)
        self._results.write(self.sent, self._awaited, done)
        click.echo(summary(self._run_id, self.sent, self._awaited, done), err=True)
        left = self._unsent()
        for note in notes_of(done, left):
            click.echo(note, err=True)
        waiting = len(self.sent) if self._awaited is None else len(self._awaited.waiting)
        if waiting:
            click.echo(
                f"{counted(waiting, 'replay')} under way: the consumer goes on with what was sent. See: "
                f"session-consumer dlq runs {self._run_id}",
                err=True,
            )
        elif self._awaited is not None and not self._awaited.all_good:
            click.echo(f"What failed, and why: session-consumer dlq runs {self._run_id}", err=True)
        if left and (self.sent or done.unanswered or interrupted):
            click.echo(f"Send the rest with: {self._manner.go_on}", err=True)

    async def _send_all(self) -> None:
        picture, rules = self._prepared.picture, self._prepared.rules
        # The plan may be minutes old by now.
        await picture.read_on()
        self._left, changed = check_again(self._left, picture.register.standing, rules)
        self._sending.done.changed += changed
        write_changed(changed)
        self._sending.done.changed.clear()
        if not self._left:
            return
        await self._topic.open()
        before = len(self.sent)
        if self._manner.canary and before <= self._manner.canary:
            first = self._manner.canary - before
            await self._send(self._left[:first])
            if self._sending.done.stopped is not None or not await self._canary_is_good():
                return
            self._left = self._left[first:]
        await self._send(self._left)

    async def _send(self, items: Sequence[Item]) -> None:
        self._progress.begin("Sending", len(items))
        try:
            await self._sending.send(items, self._prepared.rules, self._prepared.mended, self._progress.move)
        except (KafkaUnreachableError, TopicMissingError) as exc:
            if not self.sent:
                raise
            self._sending.done.stopped = str(exc)
        finally:
            self._progress.end()

    async def _canary_is_good(self) -> bool:
        """Whether each one that went first was applied."""
        if await self._wait() and self._awaited is not None:
            ends = self._awaited.ended.values()
            if (
                ends
                and not self._sending.done.refused
                and all(each.state == "applied" and each.good for each in ends)
            ):
                click.echo(f"Canary: all {len(ends):,} applied; sending the rest.", err=True)
                return True
        self._canary_failed = True
        click.echo("Canary: not all were applied; the rest is not sent.", err=True)
        return False

    async def _look_for_unanswered(self) -> None:
        """The producer is closed: what is not there now never comes."""
        done = self._sending.done
        if not done.unanswered:
            return
        try:
            found = await self._prepared.picture.read_former(self._run_id)
        except KafkaUnreachableError:
            return
        there = {} if found is None else found.sent
        done.sent |= {each: there[each].count for each in done.unanswered if each in there}
        done.unanswered.clear()

    async def _wait(self) -> bool:
        settings = self._prepared.settings
        waiting = Waiting(settings.kafka, settings.account, self._prepared.picture, self.sent, self._run_id)
        self._awaited = waiting.awaited
        self._progress.begin("Waiting", len(self.sent))
        try:
            return await waiting.wait(
                self._manner.timeout_seconds,
                on_end=self._ended,
                on_stall=self._say_why,
                on_note=self._progress.note,
            )
        finally:
            self._progress.end()

    def _ended(self, ended: Ended) -> None:
        self._results.ended(ended)
        self._progress.move(1)

    async def _say_why(self) -> None:
        account = self._prepared.settings.account.name
        consumer = await asyncio.to_thread(ask_consumer, self._manner.url, account)
        note = consumer.note
        if note is None and consumer.status is not None:
            waiting = counted(consumer.status["backlog"]["events"], "event")
            note = f"The consumer is running; {waiting} in its backlog, replays among them."
        if note is not None and note != self._last_note:
            self._last_note = note
            self._progress.note(note)

    def _unsent(self) -> int:
        done = self._sending.done
        gone = {*self.sent, *done.refused, *(each.letter.id for each in done.changed)}
        return sum(item.letter.id not in gone for item in self._left)

    def _exit_code(self) -> int:
        done, awaited = self._sending.done, self._awaited
        failed = bool(done.refused or self._unsent() or self._prepared.plan.unknown or self._canary_failed)
        if awaited is not None:
            failed = failed or not awaited.all_good
        return exit_codes.FINDINGS if failed else exit_codes.DONE
