"""Each session's state and the calls that were made for it, bounded."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from consumer.emulator.throttle import Passage


class SessionPath(NamedTuple):
    """The four ids of a request's path, decoded but not checked."""

    course_id: str
    batch_id: str
    module_id: str
    session_id: str


NO_SESSION = SessionPath("", "", "", "")


@dataclass(slots=True)
class Call:
    """One call, as far as it has gone. Times are those of the emulator's clock.

    `session_data` and `style` are None where the request was refused before it was read.
    `effect_at` is when its write took effect, `answered_at` when its answer was handed to the
    network, `gone_at` when its connection was found to be lost before that. `verdict` is "unread"
    until its body has been read.
    """

    number: int
    path: SessionPath
    arrived_at: float
    passage: Passage
    verdict: str = "unread"
    fault: str | None = None
    http_status: int | None = None
    style: str | None = None
    session_data: Mapping[str, str] | None = None
    effect_at: float | None = None
    answered_at: float | None = None
    gone_at: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was answered or lost."""
        return self.answered_at is not None or self.gone_at is not None


@dataclass(slots=True)
class Session:
    """A session's fields as last written, how often it was written, and its latest calls by arrival."""

    path: SessionPath
    calls: deque[Call]
    fields: dict[str, str] = field(default_factory=dict)
    writes: int = 0


class Sessions:
    """The sessions that were called for, by session id; of too many, the one called longest ago goes."""

    def __init__(self, kept: int, calls_kept_per_session: int) -> None:
        self._kept = kept
        self._calls_kept = calls_kept_per_session
        self._by_id: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._by_id)

    def __iter__(self) -> Iterator[Session]:
        """The latest called for comes last."""
        return iter(self._by_id.values())

    def get(self, session_id: str) -> Session | None:
        """Look it up without making it."""
        return self._by_id.get(session_id)

    def called(self, call: Call) -> None:
        """Keep the call with its session."""
        session = self._touch(call.path)
        session.calls.append(call)

    def write(self, path: SessionPath, fields: Mapping[str, str]) -> Session:
        """Change the given fields; absent ones stay as they are."""
        session = self._touch(path)
        session.path = path
        session.fields.update(fields)
        session.writes += 1
        return session

    def _touch(self, path: SessionPath) -> Session:
        session = self._by_id.get(path.session_id)
        if session is None:
            session = self._by_id[path.session_id] = Session(path, deque(maxlen=self._calls_kept))
            if len(self._by_id) > self._kept:
                self._by_id.popitem(last=False)
        else:
            self._by_id.move_to_end(path.session_id)
        return session
