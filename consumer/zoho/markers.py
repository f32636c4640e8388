"""What tells a lock, a used-up day and a waiting time in an answer's codes and messages. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_WAIT_SECONDS = 86_400.0

_LOCK_CODE = re.compile(r"7209|\w*THROTTLES_LIMIT_EXCEEDED|TOO_MANY_REQUESTS|429", re.IGNORECASE)
_LOCK_PHRASE = re.compile(
    r"throttles_limit_exceeded|threshold limit|too many requests|exceeded the maximum number of requests"
    r"|api access blocked|cannot execute more than|you have been blocked"
)
# A daily limit on calls; "at most 3 sessions per day" is a business rule and names no calls.
_DAY = r"\b(?:daily|per day|a day|day'?s|for the day|for today|today)\b"
_CALLS = r"\b(?:api|calls?|requests?|credits?)\b"
_USED_UP = r"\b(?:limit|quota|exceeded|exhausted|used up|reached)\b"
_DAY_PHRASE = re.compile(rf"(?=.*?{_DAY})(?=.*?{_CALLS})(?=.*?{_USED_UP})", re.DOTALL)
_DAY_CODE = re.compile(r"\w*(?:DAILY|DAY|24_?H)\w*_LIMIT_(?:EXCEEDED|REACHED)", re.IGNORECASE)

_AGAIN_AFTER = re.compile(
    r"\b(?:try|retry|again)\s+(?:again\s+)?(?:after|in)\s+(\d{1,9})\s*(second|sec|minute|min|hour|hr|day)s?\b"
)
_UNIT_SECONDS = {
    "second": 1,
    "sec": 1,
    "minute": 60,
    "min": 60,
    "hour": 3_600,
    "hr": 3_600,
    "day": 86_400,
}


def is_lock_code(code: str) -> bool:
    """A code that only the throttle uses: 7209, `*THROTTLES_LIMIT_EXCEEDED`."""
    return _LOCK_CODE.fullmatch(code) is not None


def has_lock_phrase(message: str) -> bool:
    """`message`: Zoho's own words, plain (see `own_words`)."""
    return _LOCK_PHRASE.search(message) is not None


def is_day_code(code: str) -> bool:
    """A code that names a daily limit; none is on record for Zoho People, so this is by analogy."""
    return _DAY_CODE.fullmatch(code) is not None


def has_day_phrase(message: str) -> bool:
    """Whether the day's calls are said to be used up. `message`: plain own words."""
    return _DAY_PHRASE.match(message) is not None


def plain(text: str) -> str:
    """Lower case, with white space collapsed: the form in which texts are compared here."""
    return " ".join(text.casefold().split())


_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|“[^”]*”|‘[^’]*’|`[^`]*`")
_DAY_WORD = re.compile(_DAY)
# "Daily" alone may well be in a session's name; so much common text is no coincidence.
_ECHO_CHARACTERS = 20
_AROUND = 40


def own_words(message: str, sent_values: Iterable[str]) -> str:
    """The message in plain form, without what it repeats of the event or quotes of anything.

    An error such as "Invalid description: too many requests at the desk" must not be taken for a
    lock: it would stop the account for as long as that event waits. So a marker that stands in a
    sent value is cut out of the message with all the text that surrounds it in both. A message that
    is nothing but the marker's sentence is Zoho's, whatever was sent. `sent_values`: in plain form.
    """
    words = _QUOTED.sub(" ", plain(message))
    for value in sent_values:
        if has_day_phrase(value) and value in words and value != words:
            words = words.replace(value, " ")
        words = _without_echo(words, value, _LOCK_PHRASE, 1)
        words = _without_echo(words, value, _AGAIN_AFTER, 1)
        words = _without_echo(words, value, _DAY_WORD, _ECHO_CHARACTERS)
    return words


def _without_echo(words: str, value: str, marker: re.Pattern[str], min_characters: int) -> str:
    tried: set[str] = set()
    for sent in marker.finditer(value):
        at = words.find(sent[0])
        # The same again in the same surroundings comes to the same: 8,000 in a row must not cost seconds.
        around = value[max(0, sent.start() - _AROUND) : sent.end() + _AROUND]
        if at < 0 or around in tried:
            continue
        tried.add(around)
        left, right = _common_run(words, at, value, sent)
        rest = f"{words[:left]} {words[right:]}"
        if right - left >= min_characters and re.search(r"\w", rest):
            words = rest
            tried.clear()
    return words


def _common_run(words: str, at: int, value: str, sent: re.Match[str]) -> tuple[int, int]:
    """The part of `words`, around the marker at `at`, that `value` has around it too: (from, to)."""
    left, right, start, end = at, at + len(sent[0]), sent.start(), sent.end()
    while left > 0 and start > 0 and words[left - 1] == value[start - 1]:
        left, start = left - 1, start - 1
    while right < len(words) and end < len(value) and words[right] == value[end]:
        right, end = right + 1, end + 1
    return left, right


def named_wait_seconds(messages: Iterable[str], retry_after: str | None, now_seconds: float) -> float | None:
    """The longest waiting time that the answer names, in seconds, at most one day; None if none is named.

    `messages`: plain own words ("try again after 22 minutes"); `retry_after`: seconds or an HTTP
    date, which is measured against `now_seconds` (epoch).
    """
    waits = [
        int(match[1]) * _UNIT_SECONDS[match[2]]
        for message in messages
        for match in _AGAIN_AFTER.finditer(message)
    ]
    longest = max([*waits, _retry_after_seconds(retry_after, now_seconds)], default=0.0)
    return min(float(longest), MAX_WAIT_SECONDS) if longest > 0 else None


def _retry_after_seconds(header: str | None, now_seconds: float) -> float:
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]{1,300}(\.[0-9]{1,20})?", text):
        return float(text)
    if len(text) > 64:  # noqa: PLR2004  (no HTTP date is longer)
        return 0.0
    try:
        when = parsedate_to_datetime(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now_seconds
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
