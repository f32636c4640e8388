"""What inputs are made of: values that are nearly right, texts that break things, and a mark to look for."""

import json
from typing import Any

from hypothesis import strategies as st

# Planted as content and as secret; it must not be in anything that is said of an input.
MARK = "PLANTED-e7c1"

TEXTS = (
    MARK,
    f"x {MARK} y",
    "",
    " ",
    "\x00",
    "\x1b[2J",
    "\u202e",
    "\ud800",
    "a\r\nb: c",
    "../../x",
    "%2e%2e%2f",
    "=1+1",
    "{}",
    "'",
    '"',
    "\\",
    "\U0001f600",
    "ﬀ",
    "İ",
    "٣",
    "NaN",
    "1e999999",
    "x" * 1_000,
    "x" * 1_001,
    "9" * 5_000,
    "success",
    "null",
)
IDS = ("1", "0" * 30, "1" * 31, "１２", "12a", "1/2", " 1", "1\n", "478346000019479103")
MOMENTS = (
    "2026-12-01T10:00:00+05:30",
    "2026-12-01T10:00:00Z",
    "2026-12-01T10:00:30Z",
    "2026-12-01T23:59:00+05:30",
    "2026-12-02T00:00:00+05:30",
    "2026-12-01T10:00:00",
    "2026-12-01",
    "2026-11-30",
    "2026-02-30",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    "2090-01-01T00:00:00Z",
    "2026-12-01T24:00:00Z",
    "2026-12-01t10:00:00.000000000z",
    "2026-12-01T10:00:00+99:99",
)
NUMBERS: tuple[Any, ...] = (
    0,
    1,
    -1,
    7,
    7.0,
    7.5,
    2**53,
    2**63,
    10**400,
    1e308,
    True,
    False,
    200,
    429,
    7209,
    7024,
)

scalars: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(TEXTS + IDS + MOMENTS + NUMBERS),
    st.none(),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
)
values: st.SearchStrategy[Any] = st.one_of(
    scalars,
    scalars,
    scalars,
    st.lists(scalars, max_size=2),
    st.dictionaries(st.sampled_from([MARK, "a", "id", "name", "code"]), scalars, max_size=2),
)


def one_in(draw: st.DrawFn, number: int) -> bool:
    """Seldom. By the middle: hypothesis likes the ends of a range."""
    return draw(st.sampled_from(range(number))) == number // 2


@st.composite
def changed(draw: st.DrawFn, good: dict[str, Any], at_most: int = 3) -> Any:
    """A good object with some of its values, at any depth, taken away, replaced, or moved."""
    found = json.loads(json.dumps(good))
    for _ in range(min(at_most, draw(st.sampled_from([1, 0, 1, 2, 3, 0, 1])))):
        places = _places(found)
        if not places:
            break
        parent, name = draw(st.sampled_from(places))
        what = draw(st.sampled_from([6, 5, 0, 4, 1, 3, 2]))
        if what == 0:
            del parent[name]
        elif what == 1 and isinstance(parent, dict):
            parent[draw(st.sampled_from([MARK, "x", "type", "data"]))] = draw(values)
        else:
            parent[name] = draw(values)
    return found


@st.composite
def broken(draw: st.DrawFn, good: bytes) -> bytes:
    """The bytes, now and then with some cut out, put in, or repeated."""
    what = draw(st.sampled_from([None, None, None, 2, 1, 0, 2, None, None, None, None]))
    if what is None or not good:
        return good
    start = draw(st.integers(0, len(good)))
    end = min(len(good), start + draw(st.integers(0, 40)))
    put_in = draw(
        st.one_of(
            st.binary(max_size=4),
            st.sampled_from(
                [
                    b"[" * 40,
                    b"\xff",
                    b"\xef\xbb\xbf",
                    b"\\ud800",
                    b"NaN",
                    b"}",
                    b",",
                    b'"a":1,"a":2,',
                    b" " * 40,
                ]
            ),
        )
    )
    if what == 0:
        return good[:start]
    if what == 1:
        return good[:start] + good[start:end] * 3 + good[end:]
    return good[:start] + put_in + good[end:]


@st.composite
def headers(draw: st.DrawFn, good: tuple[tuple[str, bytes | None], ...]) -> Any:
    """Good headers with some taken away, replaced, repeated, or added."""
    found = list(good)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3, 1, 0, 0, 0]))):
        if not found:
            break
        place = draw(st.sampled_from(range(len(found))))
        name, value = found[place]
        what = draw(st.sampled_from([2, 3, 0, 4, 1, 5, 6]))
        if what == 0:
            del found[place]
        elif what == 1:
            found.append((name, value))
        else:
            raw: st.SearchStrategy[bytes | None] = st.one_of(
                st.none(), st.binary(max_size=6), st.sampled_from(TEXTS + IDS + MOMENTS).map(_encoded)
            )
            found[place] = (draw(st.sampled_from([name, name, name, "x", "\udcff"])), draw(raw))
    return tuple(found)


def as_json(found: Any, *, ascii_only: bool = False) -> bytes:
    """As some publishers write it."""
    return json.dumps(found, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _places(found: Any) -> list[tuple[Any, Any]]:
    """Every value's object or list, and its name or number there."""
    if not isinstance(found, dict | list):
        return []
    pairs = list(found.items()) if isinstance(found, dict) else list(enumerate(found))
    return [(found, name) for name, _ in pairs] + [place for _, value in pairs for place in _places(value)]


def says_nothing(*texts: object) -> None:
    """No content in what is said of it."""
    for text in texts:
        assert MARK not in str(text), text
