"""The labelled points of the product at which a victim dies or freezes: the one table of them."""

import functools
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Point:
    """Right before a method of a class begins, or right after it returned without an exception."""

    when: Literal["before", "after"]
    module: str
    attribute: str


LABELS: dict[str, Point] = {
    "before reservation": Point("before", "consumer.delivery.quota", "Quota.reserve"),
    "after reservation": Point("before", "consumer.delivery.worker", "Worker._start_call"),
    # The request for a token passes these two as well: it is the first.
    "before call": Point("before", "consumer.zoho.wire", "_GatedRequest.send"),
    "call sent": Point("after", "consumer.zoho.wire", "_GatedRequest.send"),
    "answer read": Point("after", "consumer.zoho.client", "ZohoClient.update_session"),
    "before dead letter": Point("before", "consumer.kafka.dead_letters", "DeadLetterTopic.write"),
    "after dead letter": Point("after", "consumer.kafka.dead_letters", "DeadLetterTopic.write"),
    "before commit": Point("before", "consumer.kafka.ownership", "Ownership.commit"),
    "after commit": Point("after", "consumer.kafka.ownership", "Ownership.commit"),
}


def arm(label: str, nth: int, deed: Callable[[], None]) -> None:
    """From now on the `nth` passage of the label's point does the deed, once.

    LookupError where the label or the product's method is not there (any more).
    """
    if label not in LABELS:
        raise LookupError(f"no label {label!r}; there are {', '.join(LABELS)}")
    point = LABELS[label]
    owner, name, method = find(label, point)
    passages = 0

    def passed() -> None:
        nonlocal passages
        passages += 1
        if passages == nth:
            deed()

    setattr(owner, name, _wrapped(method, point.when, passed))


def check() -> None:
    """LookupError where the product has none of a label's methods any more."""
    for label, point in LABELS.items():
        find(label, point)


def find(label: str, point: Point) -> tuple[type, str, Callable[..., Any]]:
    """The class, the method's name and the method. LookupError, with what to mend, where it is not there."""
    class_name, name = point.attribute.split(".")
    owner = getattr(importlib.import_module(point.module), class_name, None)
    method = vars(owner).get(name) if isinstance(owner, type) else None
    if not isinstance(owner, type) or not inspect.isfunction(method):
        raise LookupError(
            f"label {label!r}: {point.module} has no {point.attribute}; mend tests/chaos/labels.py"
        )
    return owner, name, method


def _wrapped(method: Callable[..., Any], when: str, passed: Callable[[], None]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def later(*args: Any, **kwargs: Any) -> Any:
            if when == "before":
                passed()
            result = await method(*args, **kwargs)
            if when == "after":
                passed()
            return result

        return later

    @functools.wraps(method)
    def at_once(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            passed()
        result = method(*args, **kwargs)
        if when == "after":
            passed()
        return result

    return at_once
