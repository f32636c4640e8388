"""The accounts file: from YAML to each account's texts with their lines, every problem at once.

Read by the parser's events, so that a value stays the text that was written (`in` is no boolean, `30` no
number) and nothing is built that the file could blow up: nothing below a setting is kept, aliases are
refused.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from consumer.settings import values
from consumer.settings.setting import PREFIX, Setting
from consumer.settings.table import SETTINGS

MAX_FILE_BYTES = 1024 * 1024
MAX_ACCOUNTS = 500

# libyaml where it is there: 500 accounts are read in a tenth of the time.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAG = "tag:yaml.org,2002:str"
_NOT_SET = {"", "~", "null", "Null", "NULL"}
# A key that may be shown: no credential looks like that, whatever was pasted where.
_SHOWN_KEY = re.compile(r"[A-Za-z_]{1,60}", re.ASCII)

_KEYS: dict[str, Setting] = {setting.account_key: setting for setting in SETTINGS if setting.of_account}
_ELSEWHERE: dict[str, Setting] = {setting.name.lower(): setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it stands in the file: of a secret, the path of its file."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One account of the file. `given` has what it sets, by the settings' names without prefix."""

    name: str
    line: int
    given: Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class _Scalar:
    text: str
    line: int
    is_set: bool


@dataclass(frozen=True, slots=True)
class _Mapping:
    line: int
    pairs: list[tuple["_Node", "_Node"]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Other:
    """A list, something nested too deep, or a tagged value."""

    line: int


_Node = _Scalar | _Mapping | _Other


class _UnreadableError(Exception):
    """Nothing after this can be trusted; the problem, beginning with the line."""


def read_entries(text: str, file: str) -> tuple[tuple[Entry, ...], list[str]]:
    """The accounts in this text and what is wrong with it, as sentences that begin with `file`:LINE.

    No value is quoted: it may be a secret in the wrong place.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    try:
        accounts = _accounts(_root(text), problems)
        for name, line, node in accounts[:MAX_ACCOUNTS]:
            entries.append(Entry(name, line, dict(_settings(name, node, problems))))
        if len(accounts) > MAX_ACCOUNTS:
            problems.append(
                f"{accounts[MAX_ACCOUNTS][1]} accounts must be at most {MAX_ACCOUNTS}, and there are "
                f"{len(accounts)}; give some to another deployment."
            )
    except _UnreadableError as exc:
        problems.append(str(exc))
    return tuple(entries), [f"{file}:{problem}" for problem in problems]


def _root(text: str) -> _Node:
    try:
        events = yaml.parse(text, Loader=_LOADER)
        nodes = [
            _node(event, events, depth=3)
            for event in events
            if not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | _DOCUMENT)
        ]
    except yaml.YAMLError as exc:
        raise _UnreadableError(_broken(text, exc)) from None
    if len(nodes) > 1:
        raise _UnreadableError(f"{nodes[1].line} A second document begins; keep all accounts in one.")
    return nodes[0] if nodes else _Other(1)


def _broken(text: str, error: yaml.YAMLError) -> str:
    """Where it stops being YAML, without the parser's own words: they may quote the file."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return "1 The file is not valid YAML; look for characters that are not text."
    lines = text.splitlines()
    tabs = mark.line < len(lines) and lines[mark.line].lstrip(" ").startswith("\t")
    hint = "indent with spaces, not tabs" if tabs else "look at its indentation, quotes and colons"
    return f"{mark.line + 1} column {mark.column + 1} is not valid YAML; {hint}."


_DOCUMENT = yaml.DocumentStartEvent | yaml.DocumentEndEvent
_START = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_END = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def _node(event: Any, events: Iterator[Any], *, depth: int) -> _Node:
    """The node that begins with this event; mappings down to `depth`, anything deeper is passed over."""
    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent):
        raise _UnreadableError(
            f"{line} An alias (*) is used; write the value out, or set it for all in the environment."
        )
    if isinstance(event, yaml.ScalarEvent):
        if event.tag not in {None, "!", _PLAIN_TAG}:
            return _Other(line)
        return _Scalar(event.value, line, is_set=event.value not in (_NOT_SET if not event.style else {""}))
    if isinstance(event, yaml.MappingStartEvent) and depth > 0:
        mapping = _Mapping(line)
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = _node(event, events, depth=0)
            mapping.pairs.append((key, _node(next(events), events, depth=depth - 1)))
        return mapping
    nesting = 1
    while nesting:
        event = next(events)
        nesting += isinstance(event, _START) - isinstance(event, _END)
    return _Other(line)


def _accounts(root: _Node, problems: list[str]) -> list[tuple[str, int, _Node]]:
    """Name, line and node of each account, those with a name that can't be used left out."""
    found: dict[str, _Node] = {}
    for key, node in _pairs(root, "", problems):
        if key.text == "accounts":
            found[key.text] = node
        else:
            problems.append(
                f"{key.line} {_shown(key)} is no key of this file; all stands under `accounts`, by name."
            )
    if not isinstance(root, _Mapping):
        return []
    if "accounts" not in found:
        problems.append(
            f"{root.line} accounts is missing: a mapping from each account's name to its settings."
        )
        return []
    node = found["accounts"]
    accounts = []
    for key, settings in _pairs(node, "accounts", problems):
        try:
            accounts.append((values.account_name(key.text), key.line, settings))
        except ValueError as exc:
            problems.append(f"{key.line} accounts: the name of this account {exc}.")
    if isinstance(node, _Mapping) and not node.pairs:
        problems.append(f"{node.line} accounts has no account; give at least one.")
    return accounts


def _settings(account: str, node: _Node, problems: list[str]) -> Iterator[tuple[str, Given]]:
    place = f"accounts.{account}"
    if isinstance(node, _Scalar) and not node.is_set:
        return  # all of it from the environment
    for key, value in _pairs(node, place, problems):
        setting = _KEYS.get(key.text)
        if setting is None:
            problems.append(f"{key.line} {place}{_unknown(key)}")
        elif not isinstance(value, _Scalar):
            problems.append(
                f"{value.line} {place}.{key.text} must be one plain value, not a list, mapping or tag."
            )
        elif value.is_set:
            yield setting.name, Given(value.text, value.line)


def _pairs(node: _Node, place: str, problems: list[str]) -> Iterator[tuple[_Scalar, _Node]]:
    """A mapping's keys and nodes, each key once."""
    if not isinstance(node, _Mapping):
        what = f"{place} must be" if place else "The file must hold"
        problems.append(f"{node.line} {what} a mapping: lines of `key: value`, indented alike.")
        return
    first: dict[str, int] = {}
    for key, value in node.pairs:
        if not isinstance(key, _Scalar):
            problems.append(f"{key.line} {place or 'The file'} has a key that is no plain text.")
        elif key.text in first:
            name = f"{place}{_dotted(key)}" if place else _shown(key)
            problems.append(f"{key.line} {name} stands in line {first[key.text]} already; keep one.")
        else:
            first[key.text] = key.line
            yield key, value


def _unknown(key: _Scalar) -> str:
    """Why this is no setting of an account, beginning with the key; and which one may be meant."""
    name = key.text.removeprefix(PREFIX).lower()
    setting = _ELSEWHERE.get(key.text)
    if setting is not None and setting.secret and setting.of_account:
        return f".{key.text} must not stand here: put it into a file and name that as {setting.account_key}."
    if setting is not None and setting.name == "ACCOUNT":
        return ".account is no setting of an account: its name is the key that its settings stand under."
    if setting is not None and not setting.of_account:
        return f".{key.text} is the process's, not an account's; set {setting.variable} instead."
    close = difflib.get_close_matches(name, _KEYS, n=1, cutoff=0.7)
    hint = f"; did you mean {close[0]}?" if close else "."
    return f"{_dotted(key)} is no setting of an account{hint}"


def _dotted(key: _Scalar) -> str:
    return f".{key.text}" if _SHOWN_KEY.fullmatch(key.text) else ": this key"


def _shown(key: _Scalar) -> str:
    return key.text if _SHOWN_KEY.fullmatch(key.text) else "This key"
