"""What an emulated Zoho is like. Every duration is in seconds and may be scaled down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Literal, get_args

from consumer.emulator.answers import ErrorForm
from consumer.emulator.dialects import DIALECTS, LockAnswer
from consumer.emulator.faults import Fault

InputStyle = Literal["query", "json", "form", "any", "both"]
NotFoundForm = Literal["404", "400"]

INPUT_STYLES: tuple[InputStyle, ...] = get_args(InputStyle)

# Made up, and the same for everyone: they open nothing but an emulator.
CLIENT_ID = "1000.EMULATEDCLIENT"
CLIENT_SECRET = "emulated-client-secret"  # noqa: S105
REFRESH_TOKEN = "1000.emulated.refresh-token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Limits:
    """The threshold: `requests` in a window, then a lock.

    The default is a rolling window; a fixed one starts anew at every multiple of its length.
    """

    requests: int = 30
    window_seconds: float = 60.0
    lock_seconds: float = 300.0
    fixed_window: bool = False


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What the accounts host holds true.

    `scope` is what was granted with the refresh token. `error_status` is the HTTP status of its
    error answers. `expires_in_milliseconds` is the old variant of the answer.
    """

    client_id: str = CLIENT_ID
    client_secret: str = field(default=CLIENT_SECRET, repr=False)
    refresh_token: str = field(default=REFRESH_TOKEN, repr=False)
    scope: str = "ZOHOPEOPLE.training.ALL"
    lifetime_seconds: float = 3600.0
    expires_in_milliseconds: bool = False
    error_status: Literal[200, 400] = 400
    mints: int = 10
    mint_window_seconds: float = 600.0
    live_tokens: int = 10


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Which sessions exist, by session id. By default every one does.

    `known` None means all but `unknown`. `batch_dates` gives a batch's first and last day, by
    batch id; a session outside them is refused.
    """

    known: frozenset[str] | None = None
    unknown: frozenset[str] = frozenset()
    batch_dates: Mapping[str, tuple[date, date]] = field(default_factory=lambda: MappingProxyType({}))

    def has(self, session_id: str) -> bool:
        """Whether the session exists."""
        return session_id not in self.unknown and (self.known is None or session_id in self.known)


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """The whole emulated Zoho.

    `daily_requests` 0 means that no call is ever refused for the day's quota, and that the header
    which counts it down is left out. `answer_seconds` is how long every answer takes. What is kept
    in memory is bounded by the last three: the oldest goes first.
    """

    limits: Limits = Limits()
    lock_answer: LockAnswer = field(default_factory=LockAnswer)
    tokens: TokenRules = TokenRules()
    catalogue: Catalogue = Catalogue()
    input_style: InputStyle = "any"
    daily_requests: int = 15_000
    day_seconds: float = 86_400.0
    error_form: ErrorForm = "symbolic"
    not_found_form: NotFoundForm = "404"
    code_is_text: bool = False
    scope_missing_status: Literal[401, 403] = 401
    answer_seconds: float = 0.01
    faults: tuple[Fault, ...] = ()
    arrivals_kept: int = 100_000
    sessions_kept: int = 20_000
    calls_kept_per_session: int = 100

    def __post_init__(self) -> None:
        """Refuse what makes no sense, every problem at once (ValueError)."""
        problems = [text for text, wrong in self._rules() if wrong]
        if problems:
            raise ValueError("; ".join(problems))

    def _rules(self) -> tuple[tuple[str, bool], ...]:
        limits, tokens = self.limits, self.tokens
        return (
            ("requests must be 1 or more", limits.requests < 1),
            ("window_seconds must be more than 0", limits.window_seconds <= 0),
            ("lock_seconds must be 0 or more", limits.lock_seconds < 0),
            (f"dialect must be one of {', '.join(DIALECTS)}", self.lock_answer.dialect not in DIALECTS),
            (f"input_style must be one of {', '.join(INPUT_STYLES)}", self.input_style not in INPUT_STYLES),
            ("lifetime_seconds must be more than 0", tokens.lifetime_seconds <= 0),
            ("mints must be 1 or more", tokens.mints < 1),
            ("mint_window_seconds must be more than 0", tokens.mint_window_seconds <= 0),
            ("live_tokens must be 1 or more", tokens.live_tokens < 1),
            ("daily_requests must be 0 or more", self.daily_requests < 0),
            ("day_seconds must be more than 0", self.day_seconds <= 0),
            ("answer_seconds must be 0 or more", self.answer_seconds < 0),
            ("arrivals_kept must be 1 or more", self.arrivals_kept < 1),
            ("sessions_kept must be 1 or more", self.sessions_kept < 1),
            ("calls_kept_per_session must be 1 or more", self.calls_kept_per_session < 1),
        )
