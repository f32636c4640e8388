"""The tour, step by step: what is said, done, and to be seen. The page and the test are made of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.screen import Shown
from tests.tour.incident import (
    BROKEN,
    FIRST_BROKEN,
    OF_NEW_COURSE,
    SOURCE,
    WINDOW_SECONDS,
    Incident,
    event_data,
    mended_change,
)

# Of the broken events one is mended by hand, these are sent anew by their publisher, the others discarded.
SENT_ANEW = 14
LIVE = 12
MENDED_FILE = "mended.json"


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and what is said before it.

    `{broken}`, `{rest}` in the command: the first broken event's dead letter, and those to discard.
    `sees`: what has to be on the screen. `answers`: what is typed after which text. `lines`: so many of
    the screen's lines are shown on the page. `before`: what happens in the world first.
    """

    says: str
    command: str
    sees: tuple[str, ...] = ()
    exit_code: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    lines: int = 60
    before: Callable[[Incident], Awaitable[None]] | None = None


async def _mends_one(scene: Incident) -> None:
    found = event_data(FIRST_BROKEN, "Room changed", starts="2026-12-01T10:00:00+05:30")
    (scene.directory / MENDED_FILE).write_text(json.dumps(found, indent=2) + "\n")


async def _sends_anew(scene: Incident) -> None:
    numbers = range(FIRST_BROKEN + 1, FIRST_BROKEN + 1 + SENT_ANEW)
    await scene.publish([mended_change(number, 2_000 + number) for number in numbers])
    await scene.settled()


async def _makes_the_course(scene: Incident) -> None:
    scene.course_is_made()


STEPS = (
    Step(
        """It is 3 a.m. and the alert says that dead letters are open. Two causes explain all of them:
a course that Zoho does not know yet, and a publisher that writes its dates the wrong way. The lock in
between cost nothing: no event is blamed for it.""",
        "dlq stats",
        ("session_not_found", "event_invalid", str(OF_NEW_COURSE), str(BROKEN)),
    ),
    Step(
        "Which ones? The filters are the same for every command.",
        "dlq list --class event_invalid --limit 5",
        ("event_invalid", "open"),
    ),
    Step(
        "All of one: what is wrong with which field, and what to do about it.",
        "dlq show {broken}",
        ("startsAt", "event_invalid"),
        lines=70,
    ),
    Step(
        """One of them can't wait for its publisher. `mended.json` has the date put right; it is checked
by the publishers' own rules before anything is sent.""",
        f"dlq replay {{broken}} --value {MENDED_FILE} --reason 'date put right by hand'",
        ("applied",),
        answers={"[y/N]": "y\n"},
        before=_mends_one,
    ),
    Step(
        f"""Meanwhile the publisher has mended its code and sent {SENT_ANEW} of its changes anew. Their dead
letters need nothing: a newer change of the same session was applied.""",
        "dlq stats --class event_invalid",
        ("superseded",),
        before=_sends_anew,
    ),
    Step(
        """The others were changes of a room that is closed by now: nothing to apply, so they are settled with
a reason.""",
        "dlq discard {rest} --reason 'the room is closed, nothing to apply' --yes",
        ("discarded",),
    ),
    Step(
        """The course has been made in Zoho. What would a replay of its changes do?
A dry run sends nothing.""",
        "dlq replay --class session_not_found --dry-run",
        (str(OF_NEW_COURSE),),
        before=_makes_the_course,
    ),
    Step(
        f"""Three first; the others only if Zoho takes all three. Live events keep coming meanwhile, one every
{WINDOW_SECONDS / 6:g} s here, and go first.""",
        "dlq replay --class session_not_found --canary 3 --reason 'course made in Zoho'",
        ("applied",),
        answers={"[y/N]": "y\n"},
        lines=50,
    ),
    Step("Nothing is open.", "dlq stats", ("applied", "discarded", "superseded")),
    Step("And who did what, and why, is on record.", "dlq runs", ("date put right", "course made")),
)


async def walk(scene: Incident) -> AsyncIterator[tuple[Step, str, Shown]]:
    """Carry out the incident and then every step; gives each, its command as typed, and what it showed."""
    await scene.happens()
    broken = [row["id"] for row in await scene.rows("dlq list --class event_invalid --sort oldest")]
    named = {"broken": await _of_session(scene, FIRST_BROKEN), "rest": ""}
    anew = {await _of_session(scene, FIRST_BROKEN + 1 + number) for number in range(SENT_ANEW)}
    named["rest"] = " ".join(each for each in broken if each not in anew | {named["broken"]})
    for step in STEPS:
        if step.before is not None:
            await step.before(scene)
        command = step.command.format(**named)
        if "--canary" in command:
            waited, shown = await asyncio.gather(
                scene.live_events(LIVE, WINDOW_SECONDS / 6), scene.command(command, step.answers)
            )
            scene.longest_wait = waited
        else:
            shown = await scene.command(command, step.answers)
        yield step, command, shown


async def _of_session(scene: Incident, number: int) -> str:
    """The dead letter of that session."""
    (row,) = await scene.rows(f"dlq list --session {scene.session(number)}")
    return str(row["id"])


def as_page(told: list[tuple[Step, str, Shown]]) -> str:
    """The steps as Markdown."""
    parts = [_HEAD]
    for step, command, shown in told:
        lines = [*shown.lines[: step.lines], *(["…"] if len(shown.lines) > step.lines else [])]
        prose = " ".join(step.says.split())
        parts.append(f"{prose}\n\n```console\n$ session-consumer {command}\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)


_HEAD = f"""# A night with the dead-letter topic

What you see is real: `make tour` starts a broker, an emulated Zoho and a consumer, has the incident
happen, types these commands at a terminal of 80 columns, and writes this page. Times are scaled: 30 calls
in {WINDOW_SECONDS:g} s, not in 60. The same script is a test (`tests/tour`).

300 events came to `{SOURCE}` this evening: {OF_NEW_COURSE} of them for a course that nobody has
made in Zoho yet, {BROKEN} from a publisher whose dates are broken, the others good. In between Zoho locked
the API.
"""


def page() -> Path:
    """Where the page is."""
    return Path(__file__).parents[2] / "docs" / "tour.md"
