"""What can be made to go wrong: for all calls, for one session's or one course's, or for the next few."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from consumer.emulator.dialects import DIALECTS, Dialect

MAX_FAULTS = 100
_LEAST_STATUS, _LAST_STATUS = 200, 599

# kind -> what it does. The parameters it reads are in brackets.
PEOPLE_KINDS: dict[str, str] = {
    "status": "answer an HTTP status with its JSON error [status, 500]",
    "business": "refuse with a business code of the LMS [code, INVALID_INPUT; status, 400]",
    "not_found": "404 Not found",
    "not_found_400": "400 UNSUPPORTED_OPERATION, Not found",
    "forbidden": "403 not authorised",
    "permission_denied": "People's permission error [code, 7037; status, 403]",
    "maximum_limit": "422 Maximum limit exceeded, without any lock",
    "lock_answer": "say that the API is locked though it is not [dialect, A; status; seconds: a Retry-After]",
    "daily_quota": "say that the day's quota is used up",
    "token_missing": "400 7202, as if no token had been sent",
    "token_dead": "401 7213, as if the token were dead",
    "scope_missing": "7218, as if the scope were missing [status, 401]",
    "html": "an HTML page [status, 502]",
    "empty": "no body at all [status, 200]",
    "not_json": "a body that is not JSON [status, 200]",
    "json_list": "a JSON array where an object belongs [status, 200]",
    "unclear": "JSON that says neither yes nor no [status, 200]",
    "error_response": "HTTP 200 with People's error form, code 7024",
    "error_response_list": "HTTP 200, response.errors is an array",
    "error_list": 'HTTP 200 with [{"msg": ..., "response": "failure"}]',
    "error_text": 'HTTP 200 with {"error": "..."}',
    "error_top_level": 'HTTP 200 with {"errors": {...}, "status": 1}',
    "error_errorcode": 'HTTP 200 with {"errorcode": ..., "message": ...}',
    "wrapped": "a permanent refusal wrapped in a 5xx [code, INVALID_INPUT; status, 500]",
    "poison": "500 Sorry! Server error occured",
    "outage": "503 from the gateway in front, whatever is asked",
    "slow": "answer late, the write takes effect just before [seconds, 5]",
    "slow_after_effect": "answer late, the write takes effect at once [seconds, 5]",
    "hang": "never answer, nothing is written",
    "hang_after_effect": "never answer, though the write took effect",
    "late_effect": "never answer, write that long after the client gave up [seconds, 1]",
    "reset_before_effect": "reset the connection, nothing is written",
    "reset_after_effect": "reset the connection, though the write took effect",
    "reset_mid_body": "reset the connection half way through the answer",
    "truncated": "close the connection before the whole answer was sent",
    "oversized": "a good answer of more than 1 MiB",
    "oversized_gzip": "the same, compressed to a few kB",
    "gzip": "a good answer, gzip-compressed",
    "redirect": "302 to another host's login page",
    "echo_session_id": "success, but for another session id",
    "echo_date": "success, but with another date",
    "echo_times": "success, but with other times",
}
TOKEN_KINDS: dict[str, str] = {
    "mint_status": "the token endpoint answers an HTTP status, HTML [status, 503]",
    "mint_invalid_code": "invalid_code, as for a revoked refresh token [status]",
    "mint_invalid_client": "invalid_client [status]",
    "mint_access_denied": "the token throttle's Access Denied [status]",
    "mint_not_json": "not JSON, with HTTP 200",
    "mint_empty": "an empty HTTP 200",
    "mint_no_token": "JSON without a token, with HTTP 200",
    "mint_slow": "answer late [seconds, 5]",
    "mint_hang": "never answer",
    "mint_reset": "reset the connection",
}
KINDS: dict[str, str] = PEOPLE_KINDS | TOKEN_KINDS


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Of several that fit a call the narrowest strikes: its session's, its course's, all's.

    `session_id` and `course_id` None mean every one. `calls` is for how many calls, None for all to come.
    `status`, `code`, `seconds` and `dialect` are the kind's parameters; None takes its default.
    Wrong ones raise ValueError.
    """

    kind: str
    session_id: str | None = None
    calls: int | None = None
    status: int | None = None
    code: str | None = None
    seconds: float | None = None
    dialect: Dialect | None = None
    course_id: str | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind; there are {', '.join(KINDS)}")
        if self.calls is not None and self.calls < 1:
            raise ValueError("calls must be 1 or more")
        if self.status is not None and not _LEAST_STATUS <= self.status <= _LAST_STATUS:
            raise ValueError(f"status must be {_LEAST_STATUS} to {_LAST_STATUS}")
        if self.seconds is not None and self.seconds < 0:
            raise ValueError("seconds must be 0 or more")
        if self.dialect is not None and self.dialect not in DIALECTS:
            raise ValueError(f"dialect must be one of {', '.join(DIALECTS)}")

    @property
    def is_of_tokens(self) -> bool:
        """Whether it strikes the token endpoint, not the People host."""
        return self.kind in TOKEN_KINDS


_TYPES: dict[str, tuple[type, ...]] = {"calls": (int,), "status": (int,), "seconds": (int, float)}


def fault_from_json(value: object) -> Fault:
    """Read a fault from JSON, its fields by name; ValueError says what is wrong."""
    if not isinstance(value, Mapping):
        raise ValueError('a fault is an object such as {"kind": "status", "status": 503, "calls": 2}')  # noqa: TRY004
    names = {field.name for field in fields(Fault)}
    given: dict[str, Any] = {name: member for name, member in value.items() if member is not None}
    if not given.keys() <= names or "kind" not in given:
        raise ValueError(
            f"a fault has a kind and may have {', '.join(sorted(names - {'kind'}))}; nothing else"
        )
    for name, member in given.items():
        if isinstance(member, bool) or not isinstance(member, _TYPES.get(name, (str,))):
            raise ValueError(f"{name} is of the wrong type")  # noqa: TRY004
    return Fault(**given)


def add(faults: tuple[Fault, ...], fault: Fault) -> tuple[Fault, ...]:
    """Put it last. ValueError where there are too many."""
    if len(faults) >= MAX_FAULTS:
        raise ValueError(f"there are {MAX_FAULTS} faults already")
    return (*faults, fault)


def strike(
    faults: tuple[Fault, ...], session_id: str | None, course_id: str | None = None, *, refused: bool = False
) -> tuple[tuple[Fault, ...], Fault | None]:
    """Choose the fault that strikes this call to the People host, and count it down.

    A call that the lock, the credential or the day's quota has `refused` is struck by an outage
    only: the gateway stands in front of it all, everything else behind.
    """
    fits = [
        fault
        for fault in faults
        if not fault.is_of_tokens
        and (not refused or fault.kind == "outage")
        and fault.session_id in (None, session_id)
        and fault.course_id in (None, course_id)
    ]
    # The narrowest first; of those as narrow, the first that was set.
    return _count_down(faults, sorted(fits, key=_width))


def _width(fault: Fault) -> int:
    if fault.session_id is not None:
        return 0
    return 2 if fault.course_id is None else 1


def strike_mint(faults: tuple[Fault, ...]) -> tuple[tuple[Fault, ...], Fault | None]:
    """The same for a request to the token endpoint."""
    return _count_down(faults, [f for f in faults if f.is_of_tokens])


def _count_down(faults: tuple[Fault, ...], fits: list[Fault]) -> tuple[tuple[Fault, ...], Fault | None]:
    if not fits:
        return faults, None
    struck = fits[0]
    if struck.calls is None:
        return faults, struck
    at = next(index for index, fault in enumerate(faults) if fault is struck)
    left = () if struck.calls == 1 else (replace(struck, calls=struck.calls - 1),)
    return (*faults[:at], *left, *faults[at + 1 :]), struck
