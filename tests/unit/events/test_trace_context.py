"""Which trace an event belongs to, by W3C Trace Context and CloudEvents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import TraceState

from consumer.events.headers import find_mode
from consumer.events.model import Event, Refusal
from consumer.events.trace_context import (
    MAX_TRACESTATE_CHARACTERS,
    MAX_TRACESTATE_MEMBERS,
    TraceContext,
    trace_in_event,
)
from tests.unit.events.samples import BINARY, STRUCTURED, full_event, read

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{PARENT}-01"
OTHER = f"00-{'c' * 32}-{'d' * 16}-00"


def of(*headers: tuple[str, bytes | None]) -> TraceContext | None:
    """What a binary record's headers say."""
    return find_mode((*BINARY, *headers)).trace


def test_the_records_own_header_is_read() -> None:
    """With its state, and the one flag that means something."""
    found = of(("traceparent", GOOD.encode()), ("tracestate", b"vendor=x"))

    assert TraceContext(TRACE, PARENT, 1, "vendor=x") == found
    assert GOOD == found.traceparent


def test_the_events_attribute_is_read_where_the_record_says_nothing() -> None:
    """In both modes: the header `ce_traceparent`, and the field of a structured event."""
    assert TraceContext(TRACE, PARENT, 1) == of(("ce_traceparent", GOOD.encode()))
    assert TraceContext(TRACE, PARENT, 1, "a=b") == trace_in_event({"traceparent": GOOD, "tracestate": "a=b"})


def test_who_sent_the_record_goes_before_who_made_the_event() -> None:
    """They saw to it last."""
    found = of(("ce_traceparent", OTHER.encode()), ("traceparent", GOOD.encode()))

    assert found is not None
    assert TRACE == found.trace_id


@pytest.mark.claim("S-57")
@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x",
        GOOD.upper(),
        GOOD[:-1],
        GOOD + "-00",
        GOOD + " ",
        "ff" + GOOD[2:],
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        "01" + GOOD[2:] + "-" + "x" * 300,
    ],
)
def test_what_is_not_valid_counts_as_absent(bad: str) -> None:
    """It is no reason to refuse an event, and is never handed on."""
    assert of(("traceparent", bad.encode())) is None
    assert trace_in_event({"traceparent": bad}) is None


def test_a_later_versions_more_fields_are_passed_over() -> None:
    """As the standard asks."""
    found = of(("traceparent", b"01" + GOOD.encode()[2:] + b"-more"))

    assert found is not None
    assert GOOD == found.traceparent


def members(count: int) -> str:
    """So many, each with a key of its own."""
    return ",".join(f"k{number}=v" for number in range(count))


@pytest.mark.parametrize(
    "state",
    [
        *("", ",", "a", "=b", "a=", "a=b=c", "a=b, c = d", "A=b", "1a=b", "a b=c", 7),
        *("a=\n", "a=b\n", "a=b\nc", "a=\x7f", "a=é", "é=a", "a=\u00a0", "\u2003a=b"),
        *("a=b,a=c", "a@b@c=d", "a@1=b", "@a=b", "a@=b", f"{'k' * 257}=v", f"a=b,{'t' * 242}@s=v"),
        *(f"t@{'s' * 15}=v", f"a={'v' * 257}", "a=" + " " * 3),
        *(members(MAX_TRACESTATE_MEMBERS + 1), members(MAX_TRACESTATE_MEMBERS) + ","),
        "a=" + "v" * 256 + ",b=" + "v" * (MAX_TRACESTATE_CHARACTERS - 260),
    ],
)
def test_a_state_that_is_not_valid_is_left_out(state: object) -> None:
    """The trace counts all the same."""
    assert TraceContext(TRACE, PARENT, 1) == trace_in_event({"traceparent": GOOD, "tracestate": state})


@pytest.mark.parametrize(
    "state",
    [
        *("a=b", "a=b,c=d", " a=b\t,\tc=d ", "a=b,,c=d", "a= b", "1t@s=v", "a_-*/0=!~", "a=@:;"),
        *(members(MAX_TRACESTATE_MEMBERS), f"{'k' * 256}=v", f"{'t' * 241}@{'s' * 14}=v", f"a={'v' * 256}"),
        "a=" + "v" * 256 + ",b=" + "v" * (MAX_TRACESTATE_CHARACTERS - 261),
    ],
)
def test_a_valid_state_is_handed_on_as_it_came(state: str) -> None:
    """Up to each of the standard's bounds."""
    assert TraceContext(TRACE, PARENT, 1, state) == trace_in_event({"traceparent": GOOD, "tracestate": state})


@pytest.mark.claim("S-57")
@given(st.lists(st.text("ab01@=,_*/- \tZ\x7f", max_size=9) | st.just("a=b"), max_size=4).map(",".join))
def test_what_is_handed_on_is_taken_by_opentelemetry(state: str) -> None:
    """Ours is at least as strict: its own check quotes a bad one in a log of its own."""
    found = trace_in_event({"traceparent": GOOD, "tracestate": state})
    assert found is not None

    if found.state is not None:
        members = [member.strip(" \t").split("=") for member in state.split(",") if member.strip(" \t")]
        assert dict(members) == dict(TraceState.from_header([found.state]).items())


def test_flags_that_are_not_known_are_not_handed_on() -> None:
    """Those of the standard's two levels are."""
    found = trace_in_event({"traceparent": GOOD[:-2] + "ff"})

    assert found is not None
    assert f"{GOOD[:-2]}03" == found.traceparent


def test_a_header_that_comes_twice_says_nothing() -> None:
    """Which of the two would be meant?"""
    assert of(("traceparent", GOOD.encode()), ("traceparent", OTHER.encode())) is None


@pytest.mark.parametrize("bad", [[None], [b""], [b"x"], [b"\xff"], [OTHER.encode()] * 2])
def test_a_header_that_says_nothing_hides_no_attribute(bad: list[bytes | None]) -> None:
    """In both modes; each carrier's state goes with its own parent."""
    headers = (*(("traceparent", value) for value in bad), ("tracestate", b"vendor=x"))
    structured = read(full_event(lambda event: event.update(traceparent=GOOD)), (*STRUCTURED, *headers))

    assert TraceContext(TRACE, PARENT, 1) == of(*headers, ("ce_traceparent", GOOD.encode()))
    assert isinstance(structured, Event)
    assert TraceContext(TRACE, PARENT, 1) == structured.trace


@pytest.mark.claim("S-57")
@given(
    st.lists(
        st.tuples(st.sampled_from(["traceparent", "tracestate", "ce_traceparent"]), st.none() | st.binary())
    )
)
def test_no_trace_header_makes_an_event_bad(headers: list[tuple[str, bytes | None]]) -> None:
    """Whatever it holds, and however often it comes."""
    assert isinstance(read(full_event()["data"], (*BINARY, *headers)), Event)


def test_an_event_and_a_refusal_carry_their_trace() -> None:
    """Into logs and dead letters alike."""
    good = read(full_event()["data"], (*BINARY, ("traceparent", GOOD.encode())))
    broken = read(b"{", (*BINARY, ("traceparent", GOOD.encode())))
    structured = read(full_event(lambda event: event.update(traceparent=GOOD, time=7)))

    assert isinstance(good, Event)
    assert isinstance(broken, Refusal)
    assert isinstance(structured, Refusal)
    for identity in (good.identity, broken.identity, structured.identity):
        assert TraceContext(TRACE, PARENT, 1) == identity.trace
