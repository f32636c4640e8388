"""values.schema.json: what values.yaml allows. Where the chart knows the keys, no others are taken."""

from typing import Any

from consumer.events.zones import zone_names
from consumer.settings import values as texts
from consumer.settings.setting import Setting
from consumer.settings.values import Choice, Decimal, Parse, Whole
from consumer.settings.zoho_urls import check_url
from helm.chart_settings import ACCOUNT_CONFIG, ACCOUNT_SECRETS, CONFIG, IN_SECRET, STANDING, explained, key
from helm.values_file import Value, ValuesFile

Schema = dict[str, Any]

_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)
_REFERENCE = {
    "type": "object",
    "required": ["key"],
    "additionalProperties": False,
    "properties": {
        **{name: {"type": "string", "minLength": 1} for name in ("key", "property", "version")},
        "decodingStrategy": {"enum": ["Auto", "Base64", "Base64URL", "None"]},
    },
}
# What a comment in values.yaml may call for by name. An empty name is none.
_NAMED: dict[str, Schema] = {
    "name": {"type": "string", "pattern": "^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$"},
    "label": {"type": "string", "pattern": "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$"},
    "key": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,253}$"},
}
# Names without an area one by one: IST, which the zone data lacks, looks like EST, which it has.
_BARE_ZONES = "|".join(sorted(name for name in zone_names() if "/" not in name)).replace("+", "[+]")
_ZONE = f"({_BARE_ZONES}|[A-Z][A-Za-z]+(/[A-Za-z][A-Za-z0-9_+-]*)+)"
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_URL = rf"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:{_PORT})?(/[^?#\\\s]*)?"
# As the program reads them, as far as a pattern can say it. The rest stops the program's start.
_PATTERNS: dict[Parse, str] = {
    texts.topic: texts.TOPIC_PATTERN,
    texts.account_name: texts.ACCOUNT_PATTERN,
    texts.visible: "[!-~]+",
    texts.plain_text: r"\S(.*\S)?",
    texts.time_zone: _ZONE,
    check_url: _URL,
}


def values_schema(values: ValuesFile) -> Schema:
    """The whole schema, draft 7."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "session-consumer",
        # Of a parent chart: `global` goes to every chart in it, `enabled` may be its condition.
        **_whole(values.values, {"global": {"type": "object"}, "enabled": {"type": "boolean"}}),
    }


def _whole(values: tuple[Value, ...], more: Schema | None = None) -> Schema:
    """Values that stand in values.yaml: one that is set to null is missing, and said to be."""
    properties = {value.name: _schema(value) for value in values}
    return _closed(properties | (more or {}), list(properties))


def _schema(value: Value) -> Schema:
    said = {"description": value.comment}
    if value.path == "config":
        return said | _closed({key(each): _own(each) for each in CONFIG}, [s.lower() for s in STANDING])
    if value.schema == "external":
        return said | _external(IN_SECRET)
    if value.schema == "accounts":
        return said | _accounts()
    if isinstance(value.schema, str):
        return said | _NAMED[value.schema]
    if value.schema is not None:
        return said | dict(value.schema)
    if value.children:
        return said | _whole(value.children)
    return said | {"type": next(name for kind, name in _TYPES if isinstance(value.default, kind))}


def _closed(properties: Schema, required: list[str] | None = None) -> Schema:
    closed: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return closed | ({"required": required} if required else {})


def _accounts() -> Schema:
    account = _closed(
        {
            "config": _closed({key(each): _setting(each) for each in ACCOUNT_CONFIG}),
            "secret": _closed({"existing": _NAMED["name"], "external": _external(ACCOUNT_SECRETS)}),
        },
        ["config", "secret"],
    )
    names = {"pattern": f"^{texts.ACCOUNT_PATTERN}$"}
    return {"type": "object", "maxProperties": 500, "propertyNames": names, "additionalProperties": account}


def _external(variables: tuple[str, ...]) -> Schema:
    return _closed(dict.fromkeys(variables, _REFERENCE))


def _own(setting: Setting) -> Schema:
    """One of `config`. Templates make names of those that stand in values.yaml: none is empty."""
    standing = setting.name in STANDING and isinstance(setting.default, str)
    return _setting(setting) | ({"minLength": 1} if standing else {})


def _setting(setting: Setting) -> Schema:
    """A setting's schema. An empty text is none: the program's default counts."""
    said = {"description": explained(setting)}
    match setting.parse:
        case Whole(low, high):
            return said | {"type": "integer", "minimum": low, "maximum": high}
        case Decimal(low, high):
            return said | {"type": "number", "minimum": low, "maximum": high}
        case Choice(allowed):
            return said | {"enum": [*allowed, ""]}
        case texts.yes_or_no:
            return said | {"type": "boolean"}
        case parse if parse in _PATTERNS:
            return said | {"type": "string", "pattern": f"^({_PATTERNS[parse]})?$"}
        case _:
            return said | {"type": "string"}
