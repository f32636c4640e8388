"""One HTTP answer, as it came: bounded, and not yet understood."""

from dataclasses import dataclass

MAX_BODY_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request.

    `body` is decompressed, at most `MAX_BODY_BYTES`, and left out of the repr: it holds content.
    `truncated`: the body was longer, or broke off. `retry_after`, `date`: the headers as sent.
    `left_today`: the header `api-count-left-today`, where it was a sound number.
    """

    status: int
    body: bytes
    retry_after: str | None = None
    left_today: int | None = None
    truncated: bool = False
    date: str | None = None

    def __repr__(self) -> str:
        return f"Answer(status={self.status}, {len(self.body)} bytes, truncated={self.truncated})"


def left_today(header: str | None) -> int | None:
    """`api-count-left-today` as a number: 0 to 999,999,999, else None (Zoho's quotas end at 25,000)."""
    text = (header or "").strip()
    if not 1 <= len(text) <= 9 or not (text.isascii() and text.isdigit()):  # noqa: PLR2004
        return None
    return int(text)
