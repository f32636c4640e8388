"""Whether a success shows the session as it was sent. Pure."""

import re
from collections.abc import Mapping

from consumer.delivery.verdicts import EchoDifference

# Zoho's name in the answer -> ours in `sessionData`. Only what must come back as it went out:
# names and descriptions may come back escaped, and ids of rooms and trainers as names.
_ECHOED = {"sessionStartDate": "date", "sessionStartTime": "startTime", "sessionEndTime": "endTime"}
_TIME = re.compile(r"(\d{1,2}):(\d{2})\s*([ap])\.?m\.?")


def echo_differences(
    session: Mapping[str, object] | None, session_id: str, session_data: Mapping[str, str]
) -> tuple[EchoDifference, ...]:
    """The fields of the answer's `session` that differ from what was sent; those it leaves out don't.

    Laxer forms of the same time ("9:05 am" for "09:05 AM") are no difference.
    """
    if session is None:
        return ()
    pairs = [("sessionId", session_id)]
    pairs += [(echoed, session_data[sent]) for echoed, sent in _ECHOED.items() if sent in session_data]
    return tuple(
        EchoDifference(name)
        for name, sent in pairs
        if (shown := session.get(name)) is not None and _same_form(str(shown)) != _same_form(sent)
    )


def _same_form(text: str) -> str:
    text = " ".join(text.casefold().split())
    match = _TIME.fullmatch(text)
    return f"{int(match[1]):02}:{match[2]} {match[3]}m" if match else text
