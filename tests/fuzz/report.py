"""Runs one target on so many inputs, and counts what came of them."""

import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

# Whatever is read here is read while nothing else is done.
MAX_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.02
MAX_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Target:
    """`judge` is given an input and says of what kind its result is; it raises where a promise is broken.

    `kinds`: all that there are. One that a run doesn't reach shows that the inputs are too dull.
    """

    name: str
    inputs: SearchStrategy[Any]
    judge: Callable[[Any], str]
    kinds: frozenset[str]


@dataclass
class Findings:
    """What a run came to. `longest_seconds`: of the processor, for one input, without making it."""

    inputs: int = 0
    longest_seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def run(target: Target, inputs: int, number: int) -> Findings:
    """Make `inputs` of them from the seed `number`; the same ones each time."""
    found = Findings()

    @seed(number)
    @settings(
        max_examples=inputs,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def each(given_input: Any) -> None:
        _take(target, given_input, found)

    each()
    return found


def _take(target: Target, given_input: Any, found: Findings) -> None:
    found.inputs += 1
    began = time.process_time()
    try:
        kind = target.judge(given_input)
    except Exception as error:  # noqa: BLE001  (what is looked for)
        if len(found.broken) < MAX_FINDINGS:
            place = traceback.extract_tb(error.__traceback__)[-1]
            found.broken.append(
                f"{type(error).__name__} at {place.name}:{place.lineno}: {error} for {given_input!r}"[:2_000]
            )
        kind = "broken"
    took = _least(target, given_input, time.process_time() - began)
    found.longest_seconds = max(found.longest_seconds, took)
    if took > MAX_SECONDS and len(found.broken) < MAX_FINDINGS:
        found.broken.append(f"{took:.2f} s for {given_input!r}"[:2_000])
    found.kinds[kind] += 1
    if kind not in target.kinds and len(found.broken) < MAX_FINDINGS:
        found.broken.append(f"a result of an unknown kind: {kind}")


def _least(target: Target, given_input: Any, took: float) -> float:
    """What it takes by itself: a pause to collect the garbage of all inputs so far is not its own."""
    for _ in range(3):
        if took <= LOOK_AGAIN_SECONDS:
            break
        began = time.process_time()
        with suppress(Exception):
            target.judge(given_input)
        took = min(took, time.process_time() - began)
    return took


def lines(target: Target, found: Findings) -> list[str]:
    """For people: what was run, what was found, which kinds of results were reached, and which were not."""
    missing = sorted(target.kinds - found.kinds.keys())
    head = (
        f"{target.name}: {found.inputs:,} inputs, {len(found.broken)} findings, "
        f"the longest took {found.longest_seconds * 1000:.1f} ms"
    )
    reached = [f"    {kind:34}{count:>9,}" for kind, count in found.kinds.most_common()]
    return [
        head,
        *reached,
        *(f"    NOT REACHED {kind}" for kind in missing),
        *(f"    FINDING {each}" for each in found.broken),
    ]
