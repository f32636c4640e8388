"""Outcomes as commands read them: whoever may write to their topic may write anything. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from consumer.delivery.outcome import text_of
from schemas.outcome import Outcome


def read_outcome(value: bytes) -> Mapping[str, Any] | None:
    """An outcome's JSON object; None where the value is no outcome as the contract has it."""
    try:
        found = json.loads(text_of(value))
        Outcome.model_validate(found)
    except (ValueError, RecursionError, ValidationError):
        return None
    return dict(found)
