"""The answers' bytes: Zoho's forms of success and error, as documented or on record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

JSON_TYPE = "application/json;charset=UTF-8"
HTML_TYPE = "text/html;charset=UTF-8"

ErrorForm = Literal["symbolic", "numeric", "response"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP. `verdict` is the emulator's own word for it, in the audit."""

    verdict: str
    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(verdict: str, status: int, body: object, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Write `body` as JSON, as compact as Zoho does."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Answer(verdict, status, text.encode(), headers=headers)


def html_answer(verdict: str, status: int, sentence: str) -> Answer:
    """Make a page of the kind that gateways and portals show."""
    page = f"<!DOCTYPE html><html><head><title>Zoho</title></head><body><p>{sentence}</p></body></html>"
    return Answer(verdict, status, page.encode(), HTML_TYPE)


def people_error(verdict: str, status: int, uri: str, code: int, message: str) -> Answer:
    """Zoho People's general error form, on record with HTTP 200 and with 4xx."""
    return json_answer(verdict, status, people_error_body(uri, code, message))


def people_error_body(uri: str, code: int, message: str) -> dict[str, Any]:
    """The body of `people_error`."""
    errors = {"code": code, "message": message}
    return {"response": {"message": "Error occurred", "uri": uri, "errors": errors, "status": 1}}


def lms_error(form: ErrorForm, status: int, uri: str, code: str, message: str, *, verdict: str) -> Answer:
    """A refusal of the LMS API. The JSON shape of these is unknown, hence `form`.

    `symbolic`: `code` is the symbolic code. `numeric`: `code` is the HTTP status, the symbolic code
    leads the message. `response`: the general form, with the symbolic code.
    """
    if form == "numeric":
        return json_answer(verdict, status, {"code": status, "message": f"{code}: {message}"})
    if form == "response":
        errors = {"code": code, "message": message}
        body = {"response": {"message": "Error occurred", "uri": uri, "errors": errors, "status": 1}}
        return json_answer(verdict, status, body)
    return json_answer(verdict, status, {"code": code, "message": message})


def status_error(verdict: str, status: int, message: str) -> Answer:
    """The inferred form of the page's table: the status as `code`, and its description."""
    return json_answer(verdict, status, {"code": status, "message": message})


def session_updated(
    module_id: str, session_id: str, fields: Mapping[str, str], *, code_is_text: bool
) -> dict[str, Any]:
    """The success body, with exactly the keys of the documented sample (misspelling included)."""
    room_id = fields.get("roomId", "")
    session = {
        "totalLearnersCount": 0,
        "sessionName": fields.get("name", ""),
        "sessionEndTime": fields.get("endTime", ""),
        "sessionStartTime": fields.get("startTime", ""),
        "description": fields.get("description", ""),
        "resources": [],
        "sessionId": session_id,
        "roomId": room_id,
        "canUserDelete": False,
        "sessionStartDate": fields.get("date", ""),
        "lockUntil": fields.get("lockUntil", ""),
        "presentLeanersCount": 0,
        "gradeCategoryName": "",
        "isLocked": "lockUntil" in fields,
        "gradeCategoryId": fields.get("gradeCategoryId", ""),
        "sessionType": "E-learning" if fields.get("type") == "1" else "Classroom",
        "sessionRoom": f"Room {room_id}" if room_id else "",
        "sessionTrainer": "",
        "isSessionCompleted": False,
        "trainerErecno": fields.get("trainerErecno", ""),
        "canUserEdit": False,
        "moduleId": module_id,
    }
    return {"code": "200" if code_is_text else 200, "session": session, "message": "success"}
