"""A dead letter as it is exported, made of a record by what makes it in the product."""

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from consumer.cli.dlq.export import write_csv, write_jsonl
from consumer.delivery.dead_letter import Failure, Letterhead, dead_letter
from consumer.delivery.decision import GiveUp
from consumer.delivery.verdicts import ZohoAnswer
from consumer.dlq.files import Exported, write_directory
from consumer.dlq.register import Register
from consumer.dlq.rows import row
from consumer.events.model import EventIdentity, Refusal
from consumer.events.reading import read_record
from consumer.records import Record
from schemas.error_class import ErrorClass
from tests.unit.events.samples import KOLKATA, NOW

LETTERHEAD = Letterhead("default", "session-consumer", "0.1.0")


def exported(record: Record, answer: ZohoAnswer | None = None) -> tuple[Mapping[str, Any], Exported]:
    """Its row and contents; a valid event's dead letter is one that Zoho refused with this answer."""
    reading = read_record(record, KOLKATA, NOW)
    if isinstance(reading, Refusal):
        failure = Failure.of_refusal(reading, NOW)
    else:
        answer = answer or ZohoAnswer(400, "7404", "refused")
        text = f"Zoho refused it (HTTP {answer.http_status}, code {answer.code}): {answer.message}"
        identity = EventIdentity("e-1", dict(record.headers).get("ce_source", b"urn:x").decode())  # type: ignore[union-attr]
        failure = Failure.of_call(GiveUp(ErrorClass.REJECTED_BY_ZOHO, text, answer), identity, 1, NOW)
    letter = dead_letter(record, failure, LETTERHEAD)
    register = Register()
    register.add_letters([replace(record, headers=letter.headers)])
    (found,) = register
    return row(found, register.standing(found)), Exported(found.id, letter.key, letter.value, letter.headers)


def all_forms(
    found: Mapping[str, Any], contents: Exported, directory: Path, *, redacted: bool
) -> list[bytes]:
    """What each form of an export writes, names of files included."""
    lines, table = io.StringIO(), io.StringIO()
    write_jsonl(lines)(found, contents)
    write_csv(table)(found, contents)
    with write_directory(directory, redacted=redacted) as add:
        add(found, contents)
    files = [each for each in directory.rglob("*") if each.is_file()]
    return [
        lines.getvalue().encode(),
        table.getvalue().encode(),
        *(bytes(each.relative_to(directory)) + b"\n" + each.read_bytes() for each in files),
    ]
