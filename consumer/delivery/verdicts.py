"""What one call to Zoho came to: a closed union, made by `consumer.zoho`, decided upon by the core."""

from dataclasses import dataclass
from typing import Literal

RefusalClass = Literal["session_not_found", "rejected_by_zoho"]


@dataclass(frozen=True, slots=True)
class ZohoAnswer:
    """What Zoho said, for the dead letter. `message` is bounded and has no secret in it."""

    http_status: int
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class EchoDifference:
    """A field that Zoho's success answer shows otherwise than it was sent. Field names only, no content."""

    field: str


@dataclass(frozen=True, slots=True)
class Applied:
    """Zoho says that it stored the change."""

    echo_differences: tuple[EchoDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no to this event: 404, or 400 with a business code or an invalid parameter."""

    error_class: RefusalClass
    answer: ZohoAnswer


@dataclass(frozen=True, slots=True)
class Forbidden:
    """403 or a permission code: this session's fault, or the credential's."""

    answer: ZohoAnswer


@dataclass(frozen=True, slots=True)
class Locked:
    """The API is locked. `wait_seconds` is what the answer named, if anything."""

    answer: ZohoAnswer
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class MaximumLimit:
    """422 without any lock marker: the throttle or a limit of the session's, Zoho doesn't say."""

    answer: ZohoAnswer


@dataclass(frozen=True, slots=True)
class DailyQuotaUsed:
    """The day's calls are used up."""

    answer: ZohoAnswer
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class TokenDead:
    """401 for an access token that looked alive; another one was or will be minted."""

    answer: ZohoAnswer


@dataclass(frozen=True, slots=True)
class CredentialRefused:
    """A person is needed: refresh token revoked, client refused, scope missing."""

    reason: str
    answer: ZohoAnswer | None = None


@dataclass(frozen=True, slots=True)
class TokenThrottled:
    """No token to be had for now: Zoho's token limit or our own mint budget."""

    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """5xx, or an answer that can't be understood."""

    reason: str
    answer: ZohoAnswer


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Sent, at least in part, and no whole answer: it may have been applied, or arrive yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Connect or TLS error, at the People host or the accounts host: nothing was sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """`may_start` said no once the connection was up: nothing was sent."""


@dataclass(frozen=True, slots=True)
class CredentialReplaced:
    """A no to a credential that was replaced while the call was under way: it says nothing of the new one."""


Verdict = (
    Applied
    | Refused
    | Forbidden
    | Locked
    | MaximumLimit
    | DailyQuotaUsed
    | TokenDead
    | CredentialRefused
    | TokenThrottled
    | Failed
    | NoAnswer
    | Unreachable
    | Withheld
    | CredentialReplaced
)


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call's verdict and what it cost.

    `sent` is false only where certainly no byte of the request left: then the call took no slot.
    `left_today` is the answer's `api-count-left-today`, where it had one; `http_status` None: no answer.
    """

    verdict: Verdict
    sent: bool
    left_today: int | None = None
    http_status: int | None = None
