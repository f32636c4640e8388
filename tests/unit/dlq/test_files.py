"""An export as a directory, byte for byte there and back, whole or not; what is said of a broken one."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.dlq.files import Exported, FilesError, folder_name, read_directory, write_directory
from consumer.records import Headers
from schemas import dead_letter as names

ID = "training.session.changed:0:41"
FOLDER = "training.session.changed+0+41"


def exported(
    dead_letter_id: str = ID, key: bytes | None = b"k", value: bytes | None = b"{}", headers: Headers = ()
) -> Exported:
    """A dead letter with these contents."""
    return Exported(dead_letter_id, key, value, (*headers, (names.ID, dead_letter_id.encode())))


def write(path: Path, letters: Sequence[Exported], *, redacted: bool = False) -> Path:
    """An export of them."""
    with write_directory(path, redacted=redacted) as add:
        for letter in letters:
            add({"id": letter.id}, letter)
    return path


any_bytes = (
    st.none() | st.binary(max_size=50) | st.text(max_size=20).map(lambda text: text.encode(errors="replace"))
)
any_name = st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
any_headers = st.lists(st.tuples(any_name.filter(lambda name: name != names.ID), any_bytes), max_size=6).map(
    tuple
)
any_letter = st.builds(
    exported, st.text(st.characters(codec="utf-8"), max_size=300), any_bytes, any_bytes, any_headers
)


@settings(max_examples=60, deadline=None)
@given(letters=st.lists(any_letter, max_size=4, unique_by=lambda letter: folder_name(letter.id)))
def test_what_was_written_is_read_back_byte_for_byte(
    letters: list[Exported], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nulls, empty contents, bytes of any kind, headers in their order with duplicates, any id."""
    path = write(tmp_path_factory.mktemp("export") / "out", letters)

    assert sorted(letters, key=repr) == sorted(read_directory(path), key=repr)
    assert [letter.id for letter in letters] == [
        json.loads(line)["id"] for line in (path / "letters.jsonl").read_text().split("\n") if line
    ]


def test_letters_come_in_the_order_of_their_first_reading(tmp_path: Path) -> None:
    """By number, not by letter."""
    ids = ["b:0:1", "a:0:10", "a:0:9", "a:10:0", "a:2:0"]

    found = read_directory(write(tmp_path / "out", [exported(each) for each in ids]))

    assert ["a:0:9", "a:0:10", "a:2:0", "a:10:0", "b:0:1"] == [letter.id for letter in found]


@pytest.mark.claim("S-63")
def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """Whatever the umask says."""
    before = os.umask(0)
    try:
        path = write(tmp_path / "out", [exported()])
    finally:
        os.umask(before)

    modes = {(each.is_dir(), each.stat().st_mode & 0o777) for each in (path, *path.rglob("*"))}
    assert {(True, 0o700), (False, 0o600)} == modes


def test_an_export_is_whole_or_not_there(tmp_path: Path) -> None:
    """What went wrong half-way leaves nothing behind."""
    with pytest.raises(ZeroDivisionError):
        _write_half(tmp_path / "out")

    assert [] == list(tmp_path.iterdir())


@pytest.mark.claim("S-66")
def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """But an empty directory may be there already."""
    path = tmp_path / "out"
    path.mkdir()
    write(path, [exported()])

    with pytest.raises(FilesError, match="out is there already, and not an empty directory"):
        write(path, [])
    with pytest.raises(FilesError, match="can't be written: No such file or directory"):
        write(tmp_path / "a" / "b", [])
    assert [exported()] == list(read_directory(path))


@pytest.mark.parametrize(
    "dead_letter_id", ["../../etc/passwd", "..", ".", "", "/a:0:1", "a\0b", "é" * 300, "t" * 249 + ":0:1"]
)
def test_a_folder_name_stays_in_its_directory(dead_letter_id: str) -> None:
    """Ids come from headers, which anybody can write."""
    name = folder_name(dead_letter_id)

    assert 1 <= len(name.encode()) <= 255
    assert not name.startswith(".")
    assert not {"/", "\0", "\\", ":"} & set(name)


BROKEN = {
    "export.json is missing": lambda path: (path / "export.json").unlink(),
    "export.json is not of this release": lambda path: (path / "export.json").write_text('{"schema": 2}'),
    "export.json is not JSON: Expecting value in line 1, column 1": lambda path: (
        path / "export.json"
    ).write_text("x"),
    "letters can't be read: No such file": lambda path: (path / "letters").rename(path / "other"),
    "README is no directory: take it out": lambda path: (path / "letters/README").write_text(""),
    "headers.json is missing": lambda path: (path / f"letters/{FOLDER}/headers.json").unlink(),
    "value.json is not a file we know": lambda path: (path / f"letters/{FOLDER}/value").rename(
        path / f"letters/{FOLDER}/value.json"
    ),
    "value is missing, or no file": lambda path: (
        (path / f"letters/{FOLDER}/value").unlink()
        or (path / f"letters/{FOLDER}/value").symlink_to("nowhere")
    ),
    f"name its folder {FOLDER.replace('+', '.')}": lambda path: (path / f"letters/{FOLDER}").rename(
        path / "letters/x"
    ),
}
HEADERS = {
    "[": "is not JSON: Expecting value in line 1",
    "[" * 100_000: "is nested too deep",
    "{}": "must be a list of headers",
    "[1]": 'header 1 must be {"name": …, "value": …}',
    '[{"name": "a", "value": 1}]': 'header 1: its value must be a string, {"base64": "…"} or null',
    '[{"name": "a", "value": {"base64": "*"}}]': "header 1: its value is not base64",
    '[{"name": "a", "value": {"base64": "é"}}]': "header 1: its value is not",
    '[{"name": "a", "value": "\\ud800"}]': "header 1: its value is not text that UTF-8 can hold",
    '[{"name": null, "value": ""}]': "header 1: its name must not be null",
    "[]": "must have one header dlq.id",
    '[{"name": "dlq.id", "value": "other"}]': "is of another dead letter: name its folder other",
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_export_is_told(said: str, tmp_path: Path) -> None:
    """Which file, and what to mend."""
    path = write(tmp_path / "out", [exported()])
    BROKEN[said](path)

    with pytest.raises(FilesError, match=said):
        list(read_directory(path))


@pytest.mark.parametrize("text", HEADERS, ids=str.__len__)
def test_broken_headers_are_told(text: str, tmp_path: Path) -> None:
    """Which file, which header, and what to mend."""
    path = write(tmp_path / "out", [exported()])
    file = path / "letters" / FOLDER / "headers.json"
    file.write_text(text)

    with pytest.raises(FilesError) as told:
        list(read_directory(path))

    assert str(told.value).startswith(f"{file} ")
    assert HEADERS[text] in str(told.value)


def test_a_redacted_export_is_not_read_back(tmp_path: Path) -> None:
    """Its contents are no contents."""
    path = write(tmp_path / "out", [exported()], redacted=True)

    with pytest.raises(FilesError, match="was made with --redact: its contents are masked"):
        list(read_directory(path))


def test_what_editors_leave_behind_is_passed_over(tmp_path: Path) -> None:
    """Backups, hidden files; and a folder that was deleted is no longer meant."""
    path = write(tmp_path / "out", [exported(), exported("a:0:1")])
    for name in (".DS_Store", f"{FOLDER}/.value.swp", f"{FOLDER}/value~"):
        (path / "letters" / name).write_text("")
    subprocess.run(["rm", "-r", str(path / "letters" / "a+0+1")], check=True)

    assert [exported()] == list(read_directory(path))


def test_a_mended_value_is_read_as_it_is_now(tmp_path: Path) -> None:
    """Which is what the files are for; a mark of its encoding in headers.json does no harm."""
    path = write(tmp_path / "out", [exported(value=b"{")])
    (path / "letters" / FOLDER / "value").write_bytes(b"{}\n")
    file = path / "letters" / FOLDER / "headers.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())

    assert [exported(value=b"{}\n")] == list(read_directory(path))


def _write_half(path: Path) -> None:
    with write_directory(path) as add:
        add({}, exported())
        raise ZeroDivisionError
