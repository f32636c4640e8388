"""Dead letters as a directory of files, byte for byte, to be looked at, mended and read back.

    export.json                 what this is
    letters.jsonl               a row for each dead letter
    README.txt                  how to read it back, with kcat too
    letters/<id>/key            the bytes; no file where there is no key
    letters/<id>/value          the same
    letters/<id>/headers.json   [{"name": …, "value": …}, …] in their order, see `consumer.dlq.contents`
    letters/<id>/kcat.sh        publishes it with kcat

What is in it is personal data: only its owner may read it.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

from consumer.dlq.contents import headers_from_json, headers_to_json, row_of
from consumer.dlq.kcat import README, kcat_script
from consumer.records import Headers
from schemas import dead_letter as names

SCHEMA: Final = 1
# More than any broker is set to take; a file that is larger was put there by mistake.
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
# File systems take 255 bytes of a name.
_MAX_FOLDER_NAME: Final = 200
_PLACE: Final = re.compile(r"(.*)\+([0-9]{1,20})\+([0-9]{1,20})")
_KNOWN_FILES: Final = frozenset({"key", "value", "headers.json", "kcat.sh"})

Add = Callable[[Mapping[str, Any], "Exported"], None]


class FilesError(Exception):
    """The directory can't be written or read. The text is a sentence that names the file and what to mend."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A dead letter's record, byte for byte: `headers` are its own and ours, in their order."""

    id: str
    key: bytes | None
    value: bytes | None
    headers: Headers


@contextmanager
def write_directory(path: Path, *, redacted: bool = False) -> Iterator[Add]:
    """Gives what adds one dead letter with its row; all of it is there in the end, or nothing.

    Raises FilesError where something is at `path` (an empty directory may be), or it can't be written.
    """
    with _told(path):
        if path.is_symlink() or (path.exists() and not _is_empty_directory(path)):
            raise FilesError(f"{path} is there already, and not an empty directory: give another --to.")
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", suffix=".partial", dir=path.parent))
    try:
        with _told(path):
            (temporary / "letters").mkdir(mode=0o700)
            _write(temporary / "export.json", _json({"schema": SCHEMA, "redacted": redacted}))
            if not redacted:
                _write(temporary / "README.txt", README.encode())
            index = create(temporary / "letters.jsonl")
        with index:
            yield _adder(path, temporary, index, with_kcat=not redacted)
        with _told(path):
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_directory(path: Path) -> Iterator[Exported]:
    """The dead letters of a directory as it is now, in the order of their first reading, one at a time.

    Raises FilesError where it is no such directory, is redacted, or a file in it is broken.
    """
    try:
        _check_export(path)
        folders = [each for each in (path / "letters").iterdir() if not _is_hidden(each.name)]
        for folder in sorted(folders, key=_reading_order):
            yield _read_folder(folder)
    except OSError as exc:
        raise FilesError(f"{exc.filename or path} can't be read: {exc.strerror}.") from exc


def folder_name(dead_letter_id: str) -> str:
    """`topic+partition+offset`, odd characters as %XX: fit for shells and file systems, one for each id."""
    name = quote(dead_letter_id, safe="", errors="replace").replace("%3A", "+").replace("~", "%7E") or "%"
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) <= _MAX_FOLDER_NAME:
        return name
    digest = hashlib.sha256(dead_letter_id.encode(errors="replace")).hexdigest()
    return f"{name[:_MAX_FOLDER_NAME]}+{digest[:32]}"


def create(path: Path) -> IO[bytes]:
    """A new file for its owner alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _adder(path: Path, directory: Path, index: IO[bytes], *, with_kcat: bool) -> Add:
    def add(row: Mapping[str, Any], exported: Exported) -> None:
        folder = directory / "letters" / folder_name(exported.id)
        with _told(path):
            folder.mkdir(mode=0o700)
            for name, raw in (("key", exported.key), ("value", exported.value)):
                if raw is not None:
                    _write(folder / name, raw)
            _write(folder / "headers.json", _header_lines(exported.headers))
            if with_kcat:
                _write(folder / "kcat.sh", kcat_script(exported.key, exported.value, exported.headers))
            contents = row_of(exported.key, exported.value, exported.headers)
            index.write(_json({**row, **contents}))

    return add


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise FilesError(f"{path} can't be written: {exc.strerror or type(exc).__name__}.") from exc


def _header_lines(headers: Headers) -> bytes:
    """A line for each header, so that they can be read and mended."""
    return b"[\n" + b",\n".join(b"  " + _json(each).rstrip() for each in headers_to_json(headers)) + b"\n]\n"


def _json(found: object) -> bytes:
    return json.dumps(found, ensure_ascii=False).encode(errors="replace") + b"\n"


def _write(path: Path, raw: bytes) -> None:
    with create(path) as file:
        file.write(raw)


def _is_empty_directory(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _is_hidden(name: str) -> bool:
    """What file managers and editors leave behind."""
    return name.startswith(".") or name.endswith("~")


def _check_export(path: Path) -> None:
    about = path / "export.json"
    if not about.is_file():
        raise FilesError(
            f"{path} is no export: {about} is missing. "
            "Make one with: session-consumer dlq export --as directory --to DIRECTORY"
        )
    found = _read_json(about)
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise FilesError(f"{about} is not of this release (schema {SCHEMA}): export the dead letters again.")
    if found.get("redacted") is not False:
        raise FilesError(
            f"{path} was made with --redact: its contents are masked. Export again without --redact."
        )


def _reading_order(folder: Path) -> tuple[str, int, int]:
    found = _PLACE.fullmatch(folder.name)
    return (folder.name, 0, 0) if found is None else (found[1], int(found[2]), int(found[3]))


def _read_folder(folder: Path) -> Exported:
    if not folder.is_dir():
        raise FilesError(f"{folder} is no directory: take it out of letters/.")
    for each in folder.iterdir():
        if each.name not in _KNOWN_FILES and not _is_hidden(each.name):
            raise FilesError(
                f"{each} is not a file we know: only `key`, `value` and `headers.json` are read."
            )
    file = folder / "headers.json"
    try:
        headers = headers_from_json(_read_json(file))
    except ValueError as exc:
        raise FilesError(f"{file} {exc}.") from None
    ids = [value for name, value in headers if name == names.ID and value is not None]
    if len(ids) != 1:
        raise FilesError(f"{file} must have one header {names.ID}: leave our headers as they were.")
    dead_letter_id = ids[0].decode(errors="replace")
    if folder.name != folder_name(dead_letter_id):
        raise FilesError(f"{file} is of another dead letter: name its folder {folder_name(dead_letter_id)}.")
    return Exported(dead_letter_id, _read_content(folder / "key"), _read_content(folder / "value"), headers)


def _read_content(file: Path) -> bytes | None:
    return _read(file) if file.exists() or file.is_symlink() else None


def _read(file: Path) -> bytes:
    if not file.is_file():
        raise FilesError(f"{file} is missing, or no file.")
    with file.open("rb") as opened:
        raw = opened.read(MAX_FILE_BYTES + 1)  # its size may lie, or grow
    if len(raw) > MAX_FILE_BYTES:
        raise FilesError(f"{file} is larger than {MAX_FILE_BYTES // 2**20} MiB, more than a record can be.")
    return raw


def _read_json(file: Path) -> object:
    try:
        return json.loads(_read(file).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise FilesError(f"{file} is not UTF-8: save it as UTF-8.") from None
    except json.JSONDecodeError as exc:
        raise FilesError(f"{file} is not JSON: {exc.msg} in line {exc.lineno}, column {exc.colno}.") from None
    except (ValueError, RecursionError):
        raise FilesError(f"{file} is nested too deep, or has a number too long to be read.") from None
