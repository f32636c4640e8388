"""What a run replays, what it leaves out and why. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from consumer.delivery.newness import Version, newer
from consumer.delivery.outcome import Origin
from consumer.delivery.session_ledger import version_of_applied
from consumer.dlq.letter import Letter
from consumer.dlq.register import Standing
from consumer.dlq.selection import Selection

# What failed so often will hardly succeed: somebody should look.
MAX_REPLAYS: Final = 3

StandingOf = Callable[[Letter], Standing]


class Skip(StrEnum):
    """Why a dead letter that was meant is not replayed; the values are for programs."""

    SUPERSEDED = "superseded"
    APPLIED = "applied"
    DISCARDED = "discarded"
    REPLAYING = "replaying"
    REPLAYED_SINCE = "replayed_since"
    TOO_OFTEN = "too_often"
    NOT_RETRYABLE = "not_retryable"
    BEYOND_LIMIT = "beyond_limit"


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be replayed.

    `mended`: the dead letters that go with another value, and their events' versions; `own_versions`: those
    of them whose time or revision is not the dead letter's. `lost_too`: also what is being replayed, since
    somebody says that it is lost. `through`: of each partition of the source topic, nothing beyond this place
    (a resumed run that had a limit); None: no bound. `began_at`: epoch seconds, of a run that is resumed.
    """

    selection: Selection
    max_replays: int = MAX_REPLAYS
    force: bool = False
    limit: int | None = None
    mended: Mapping[str, Version] = field(default_factory=dict)
    own_versions: Collection[str] = frozenset()
    lost_too: bool = False
    through: tuple[Origin, ...] | None = None
    began_at: float | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A dead letter to be replayed. `count`: its how manieth replay that is.

    `own_version`: it is mended with another time or revision; `over_newer`: it goes over a newer change.
    """

    letter: Letter
    count: int
    mended: bool
    own_version: bool = False
    over_newer: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A dead letter that is left out."""

    letter: Letter
    why: Skip


@dataclass(frozen=True, slots=True)
class Plan:
    """Each dead letter that was meant is either among `items`, in the order of sending, or `skipped`.

    `unknown`: ids that name no dead letter. `sent`: how many the run sent before it was resumed; they
    are among neither.
    """

    items: tuple[Item, ...]
    skipped: tuple[Skipped, ...]
    unknown: tuple[str, ...] = ()
    sent: int = 0

    @property
    def matched(self) -> int:
        """How many were meant."""
        return len(self.items) + len(self.skipped)

    @property
    def skips(self) -> Mapping[Skip, int]:
        """How many are left out for each reason, in the order of `Skip`."""
        found = Counter(each.why for each in self.skipped)
        return {why: found[why] for why in Skip if found[why]}

    @property
    def mended(self) -> int:
        """How many go with another value."""
        return sum(item.mended for item in self.items)

    @property
    def own_versions(self) -> int:
        """How many of these have a time or revision of their own."""
        return sum(item.own_version for item in self.items)

    @property
    def over_newer(self) -> int:
        """How many go over a newer change of their session."""
        return sum(item.over_newer for item in self.items)

    @property
    def most_calls(self) -> int:
        """One each."""
        return len(self.items)

    @property
    def least_calls(self) -> int:
        """One a session: the newest of its events may make the others needless."""
        sessions = {item.letter.session for item in self.items if item.letter.session is not None}
        return len(sessions) + sum(item.letter.session is None for item in self.items)


def make_plan(
    letters: Iterable[Letter],
    standing_of: StandingOf,
    rules: Rules,
    *,
    sent: Collection[str] = (),
    known: Collection[str] = (),
) -> Plan:
    """The plan for these dead letters. `sent`: ids that the run has sent; `known`: ids that exist."""
    items: list[Item] = []
    skipped: list[Skipped] = []
    for letter in in_order(letters):
        if letter.id in sent or not _is_within(letter.origin, rules.through):
            continue
        standing = standing_of(letter)
        if not _was_wanted(standing, rules):
            continue
        why = why_skipped(letter, standing, rules)
        if why is None and rules.limit is not None and len(items) >= rules.limit:
            why = Skip.BEYOND_LIMIT
        if why is None:
            items.append(_item(letter, standing, rules))
        else:
            skipped.append(Skipped(letter, why))
    unknown = tuple(each for each in dict.fromkeys(rules.selection.ids) if each not in known)
    return Plan(tuple(items), tuple(skipped), unknown, len(sent))


def check_again(
    items: Sequence[Item], standing_of: StandingOf, rules: Rules
) -> tuple[list[Item], list[Skipped]]:
    """Which of the plan's may still go, by what is known now; the order stays."""
    good: list[Item] = []
    changed: list[Skipped] = []
    for item in items:
        standing = standing_of(item.letter)
        why = why_skipped(item.letter, standing, rules)
        if why is None and standing.replay_count + 1 != item.count:
            why = Skip.REPLAYED_SINCE
        if why is None:
            good.append(item)
        else:
            changed.append(Skipped(item.letter, why))
    return good, changed


def why_skipped(letter: Letter, standing: Standing, rules: Rules) -> Skip | None:
    """Why it may not be replayed; None where it may."""
    if standing.state in _ENDS and not (standing.state == "replaying" and rules.lost_too):
        return _ENDS[standing.state]
    if _is_overtaken(letter, standing, rules):
        return Skip.SUPERSEDED
    if _was_replayed_since(letter, standing, rules):
        return Skip.REPLAYED_SINCE
    if standing.replay_count >= rules.max_replays:
        return Skip.TOO_OFTEN
    if not letter.retryable and not rules.force and letter.id not in rules.mended:
        return Skip.NOT_RETRYABLE
    return None


def in_order(letters: Iterable[Letter]) -> list[Letter]:
    """Oldest first: each partition of the source topic in its own order, and these merged by time.

    A partition's records count as no older than those before them, whatever their timestamps say.
    """
    ordered = sorted(letters, key=lambda letter: letter.origin)
    latest: dict[tuple[str, int], float] = {}
    times: list[float] = []
    for letter in ordered:
        partition = letter.origin[:2]
        latest[partition] = max(_time(letter), latest.get(partition, 0.0))
        times.append(latest[partition])
    places = sorted(range(len(ordered)), key=lambda place: (times[place], ordered[place].origin))
    return [ordered[place] for place in places]


def through(items: Iterable[Item]) -> tuple[Origin, ...]:
    """The last place of each partition of the source topic, so that a limit means the same when resumed."""
    last: dict[tuple[str, int], Origin] = {}
    for item in items:
        origin = item.letter.origin
        held = last.get(origin[:2])
        last[origin[:2]] = origin if held is None else max(held, origin)
    return tuple(sorted(last.values()))


_ENDS = {"applied": Skip.APPLIED, "discarded": Skip.DISCARDED, "replaying": Skip.REPLAYING}


def _item(letter: Letter, standing: Standing, rules: Rules) -> Item:
    return Item(
        letter,
        standing.replay_count + 1,
        mended=letter.id in rules.mended,
        own_version=letter.id in rules.own_versions,
        over_newer=standing.state == "superseded" or _is_older(letter.version, standing),
    )


def _is_overtaken(letter: Letter, standing: Standing, rules: Rules) -> bool:
    """A mended event's own time and revision count too: they may be what was mended.

    They may lift it over a newer change only where somebody means it.
    """
    mended = rules.mended.get(letter.id)
    if standing.state == "superseded" and not (mended is not None and rules.force):
        return True
    return _is_older(mended or letter.version, standing)


def _is_older(version: Version | None, standing: Standing) -> bool:
    """Whether another event was applied to the session that is newer than this version."""
    if version is None or standing.applied is None:
        return False
    last = version_of_applied(standing.applied)
    return not last.same_event(version) and newer(last, version)


def _was_replayed_since(letter: Letter, standing: Standing, rules: Rules) -> bool:
    """Whether others replayed it since the run that is resumed began; a lost replay is an older one."""
    if rules.began_at is None or standing.replay_count <= letter.replay_count:
        return False
    if standing.waiting is None:
        return True
    try:
        return datetime.fromisoformat(standing.waiting.at).timestamp() >= rules.began_at
    except (ValueError, OverflowError):
        return True


def _was_wanted(standing: Standing, rules: Rules) -> bool:
    """Of a resumed run also what has changed since it began: it is told why it is left out."""
    if rules.selection.wants_standing(standing):
        return True
    if rules.began_at is None:
        return False
    applied_at = 0.0 if standing.applied is None else standing.applied.at_us / 1e6
    changed_at = applied_at if standing.change is None else max(standing.change.at, applied_at)
    return changed_at >= rules.began_at or standing.state == "replaying"


def _is_within(origin: Origin, bounds: tuple[Origin, ...] | None) -> bool:
    return bounds is None or any(each[:2] == origin[:2] and origin <= each for each in bounds)


def _time(letter: Letter) -> float:
    try:
        return datetime.fromisoformat(letter.source_timestamp or "").timestamp()
    except (ValueError, OverflowError):
        return letter.failed_at_seconds
