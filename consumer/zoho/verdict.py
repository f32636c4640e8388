"""What an answer of Zoho's means: one pure function over tables, body markers first, status second.

Source: the API page, and what is on record about Zoho People's answers (docs/decisions). The shape
of an LMS error and of the lock answer are not documented, so every form on record is recognised.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from consumer.delivery.verdicts import (
    Applied,
    CredentialRefused,
    DailyQuotaUsed,
    Failed,
    Forbidden,
    Locked,
    MaximumLimit,
    RefusalClass,
    Refused,
    TokenDead,
    Verdict,
    ZohoAnswer,
)
from consumer.zoho import markers
from consumer.zoho.answer import Answer
from consumer.zoho.body import Body, read_body
from consumer.zoho.echo import echo_differences

MAX_MESSAGE_CHARACTERS = 300
MAX_CODE_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class SentCall:
    """What the answer is an answer to. `secrets` are blotted out of Zoho's message."""

    session_id: str
    session_data: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def judge(answer: Answer, sent: SentCall, now_seconds: float) -> Verdict:
    """Say what the answer means; never raises. `now_seconds` (epoch) is for a Retry-After date.

    Markers are looked for where errors stand (codes, messages), never in an echoed session, and in
    messages only outside of what they repeat of the event.
    """
    body = read_body(answer)
    said = _said(answer, body, sent)
    sent_values = tuple(markers.plain(value) for value in sent.session_data.values())
    words = tuple(markers.own_words(text, sent_values) for text in (*body.messages, body.text) if text)
    code_meaning = _first_known(body.codes)
    if _is_lock(answer, body, words, code_known=code_meaning is not None):
        wait_seconds = markers.named_wait_seconds(words, answer.retry_after, now_seconds)
        if _is_days_quota(answer, body, words):
            return DailyQuotaUsed(said, wait_seconds)
        return Locked(said, wait_seconds)
    meaning = code_meaning or _first_phrase(words)
    # A body that says both, code 200 and an error on record, is the error: a change that is lost in
    # silence is worse than one that is sent twice.
    if meaning is None and _succeeded(answer, body, words):
        return Applied(echo_differences(body.session, sent.session_id, sent.session_data))
    meaning = meaning or _by_status(answer, body)
    if meaning is _NOT_FOUND and body.unparsed and not body.codes:
        # No word of the API's on the session: a proxy's page, or another site's at a wrong URL.
        meaning = _failed(f"an answer that is not the API's (HTTP {answer.status}): is the People URL right?")
    verdict = meaning(said)
    if isinstance(verdict, MaximumLimit) and answer.left_today == 0:
        return DailyQuotaUsed(said, markers.named_wait_seconds(words, answer.retry_after, now_seconds))
    return verdict


# Beside a code of 200, these are no success either, whatever they are about.
_NO_SUCCESS = re.compile(r"error|fail|.*\blimit\b.*\b(?:exceeded|reached)\b")


def _succeeded(answer: Answer, body: Body, words: tuple[str, ...]) -> bool:
    if not (200 <= answer.status <= 299 and body.says_applied):  # noqa: PLR2004
        return False
    return not any(_NO_SUCCESS.match(text) for text in words)


def _is_lock(answer: Answer, body: Body, words: tuple[str, ...], *, code_known: bool) -> bool:
    """A refusal whose code is known is what the code says, whatever its message repeats."""
    if any(markers.is_lock_code(code) or markers.is_day_code(code) for code in body.codes):
        return True
    if answer.status == 429:  # noqa: PLR2004
        return True
    return not code_known and any(
        markers.has_lock_phrase(text) or markers.has_day_phrase(text) for text in words
    )


def _is_days_quota(answer: Answer, body: Body, words: tuple[str, ...]) -> bool:
    return (
        answer.left_today == 0
        or any(markers.is_day_code(code) for code in body.codes)
        or any(markers.has_day_phrase(text) for text in words)
    )


# -- what a known code, phrase or status means ----------------------------------------------------

Meaning = Callable[[ZohoAnswer], Verdict]


def _refused(error_class: RefusalClass) -> Meaning:
    return lambda said: Refused(error_class, said)


def _failed(reason: str) -> Meaning:
    return lambda said: Failed(reason, said)


def _scope_missing(said: ZohoAnswer) -> Verdict:
    return CredentialRefused("Zoho says that the credential's scope does not allow this call", said)


_NOT_FOUND = _refused("session_not_found")
_REJECTED = _refused("rejected_by_zoho")

_BY_CODE: dict[str, Meaning] = {
    "7202": TokenDead,  # HTTP 400: credential missing or blank
    "7213": TokenDead,
    "7218": _scope_missing,
    **{str(code): Forbidden for code in range(7037, 7042)},
    "7024": _NOT_FOUND,  # "No records found"
    "UNSUPPORTED_OPERATION": _NOT_FOUND,  # its text is "Not found"
    "INVALID_INPUT": _REJECTED,
    "INPUT_PARAMETER_MISSING": _REJECTED,
    "BATCH_DATE_AND_SESSION_DATE_MISMATCH": _REJECTED,
    "COURSE_ALREADY_COMPLETED": _REJECTED,
    # Of other Zoho APIs; no LMS page names them.
    "INVALID_TOKEN": TokenDead,
    "INVALID_OAUTHTOKEN": TokenDead,
    "OAUTH_SCOPE_MISMATCH": _scope_missing,
}

# Whole messages, in plain form. "Room not found" is a broken field, not a missing session.
_BY_PHRASE: tuple[tuple[re.Pattern[str], Meaning], ...] = (
    (re.compile(r"(?:the )?(?:(?:course|batch|module|session) )?(?:is |was )?not found\W*"), _NOT_FOUND),
    (re.compile(r"no records? found\W*"), _NOT_FOUND),
    (re.compile(r"invalid oauth scope\W*"), _scope_missing),
    (re.compile(r"sorry! you are not authorized to do this operation\W*"), Forbidden),
    (re.compile(r"maximum limit exceeded\W*"), MaximumLimit),
    (re.compile(r"invalid parameter value(?:/input parameter missing)?\W*"), _REJECTED),
    (re.compile(r"input parameter missing\W*"), _REJECTED),
)

_BY_STATUS: dict[int, Meaning] = {
    401: TokenDead,
    403: Forbidden,
    404: _NOT_FOUND,
    407: _failed("a proxy on the way asks for credentials (407)"),
    408: _failed("Zoho gave up waiting for the request (408)"),
    410: _NOT_FOUND,
    421: _failed("the request reached the wrong server (421)"),
    422: MaximumLimit,
    423: _failed("the session is locked by something else (423)"),
    425: _failed("Zoho does not want the request yet (425)"),
}
_ACCOUNT_STATUSES = (401, 403)


def _first_known(codes: tuple[str, ...]) -> Meaning | None:
    return next((meaning for code in codes if (meaning := _BY_CODE.get(code.upper()))), None)


def _first_phrase(words: tuple[str, ...]) -> Meaning | None:
    return next(
        (meaning for text in words for pattern, meaning in _BY_PHRASE if pattern.fullmatch(text.strip())),
        None,
    )


def _by_status(answer: Answer, body: Body) -> Meaning:
    """By the HTTP status that the body names, if it names one, else by the answer's own."""
    named = next((int(code) for code in body.codes if re.fullmatch(r"[45]\d\d", code)), None)
    status = answer.status
    if named is not None and status not in _ACCOUNT_STATUSES and not 300 <= status <= 399:  # noqa: PLR2004
        status = named
    if meaning := _BY_STATUS.get(status):
        return meaning
    if status == 400 and not body.understood:  # noqa: PLR2004  (a proxy's page, not Zoho's word on the event)
        return _failed("an answer that can't be understood (HTTP 400)")
    if 400 <= status <= 499:  # noqa: PLR2004
        return _REJECTED
    return _failed(_why_failed(answer, body))


def _why_failed(answer: Answer, body: Body) -> str:
    if answer.truncated:
        return f"an answer that is too long or broke off (HTTP {answer.status})"
    if 300 <= answer.status <= 399:  # noqa: PLR2004
        return f"a redirect, which is not followed (HTTP {answer.status}): is the People URL right?"
    if answer.status >= 500:  # noqa: PLR2004
        return f"an error of Zoho's (HTTP {answer.status})"
    if not answer.body.strip():
        return f"an empty answer (HTTP {answer.status})"
    if body.understood:
        return f"an error that is not known (HTTP {answer.status})"
    return f"an answer that can't be understood (HTTP {answer.status})"


# -- what Zoho said, for the dead letter ----------------------------------------------------------

_GENERIC = {"error occurred", "error", "failure"}
_TOKEN = re.compile(r"(?i)zoho-oauthtoken\s+\S+|\b1000\.[0-9a-f]{8,}(?:\.[0-9a-f]{8,})?")


def _said(answer: Answer, body: Body, sent: SentCall) -> ZohoAnswer:
    texts = [text for text in (*body.messages, body.text) if text]
    message = next((text for text in texts if text.casefold() not in _GENERIC), None) or next(
        iter(texts), None
    )
    code = next(iter(body.codes), None)
    return ZohoAnswer(
        answer.status,
        None if code is None else _presentable(code, sent.secrets, MAX_CODE_CHARACTERS),
        None if message is None else _presentable(message, sent.secrets, MAX_MESSAGE_CHARACTERS),
    )


def _presentable(text: str, secrets: tuple[str, ...], max_characters: int) -> str:
    """One line without control characters, secrets or lone surrogates, cut to size."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[secret]")
    text = _TOKEN.sub("[secret]", text)
    text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())[:max_characters]
