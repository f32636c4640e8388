"""What can be done with files that commands are given, or write: claims of docs/security.md."""

import ast
import csv
import os
import time
import tracemalloc
from pathlib import Path

import pytest

from consumer.cli.dlq.export import write_csv
from consumer.dlq.files import MAX_FILE_BYTES, Exported, FilesError, read_directory, write_directory
from tests.security import hostile

ROOT = Path(__file__).parents[2]
IDS = (*hostile.ODD_TEXTS, "..", ".", "/etc/x", "a/../../b", "~", "-rf", "a\\b", "CON", "\u2028", "%2e%2e%2f")


@pytest.mark.claim("S-60")
def test_no_id_leads_out_of_the_directory(tmp_path: Path) -> None:
    """Each has a folder of its own right below letters/, with the four files that we know."""
    home = tmp_path / "home"
    home.mkdir()
    with write_directory(home / "export") as add:
        for each in IDS:
            add({"id": each}, Exported(each, b"k", b"v", (("dlq.id", b"x"),)))

    assert ["home"] == [each.name for each in tmp_path.iterdir()]
    assert ["export"] == [each.name for each in home.iterdir()]
    folders = list((home / "export" / "letters").iterdir())
    assert len(set(IDS)) == len(folders)
    for folder in folders:
        assert {"key", "value", "headers.json", "kcat.sh"} == {each.name for each in folder.iterdir()}


def _export(directory: Path) -> Path:
    with write_directory(directory) as add:
        add({"id": "t:0:1"}, Exported("t:0:1", b"k", b"v", (("dlq.id", b"t:0:1"),)))
    return directory / "letters" / "t+0+1"


def _endless(file: Path) -> None:
    file.symlink_to("/dev/zero")


def _pipe(file: Path) -> None:
    os.mkfifo(file)


def _huge(file: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(16 * MAX_FILE_BYTES)


def _digits(file: Path) -> None:
    file.write_text("9" * 5_000)


def _deep(file: Path) -> None:
    file.write_text("[" * 100_000)


@pytest.mark.claim("S-61")
@pytest.mark.parametrize("name", ["value", "key", "headers.json", "../../export.json"])
@pytest.mark.parametrize("make", [_endless, _pipe, _huge, _digits, _deep])
def test_no_file_of_an_export_hangs_or_fills_the_command(name: str, make: object, tmp_path: Path) -> None:
    """A device, a pipe, one of gigabytes, one that is nothing but digits or brackets: a sentence, at once."""
    file = _export(tmp_path / "export") / name
    file.unlink()
    assert callable(make)
    make(file)
    began = time.monotonic()
    tracemalloc.start()
    if make in (_digits, _deep) and name in ("value", "key"):
        assert 1 == len(list(read_directory(tmp_path / "export")))  # any bytes are a value
    else:
        with pytest.raises(FilesError) as told:
            list(read_directory(tmp_path / "export"))
        assert str(file.resolve().name) in str(told.value) or file.name in str(told.value)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * MAX_FILE_BYTES
    assert time.monotonic() - began < 2


_CALLS = {"eval", "exec", "__import__", "system", "popen", "mktemp", "load", "unsafe_load"}
_MODULES = {"pickle", "marshal", "shelve", "dill", "xml", "telnetlib", "ftplib", "ctypes"}


@pytest.mark.claim("S-74")
def test_nothing_that_is_read_can_become_code() -> None:
    """No eval, no pickle, no shell, no yaml.load; processes are started by the demo alone."""
    starters = set()
    for file in sorted((ROOT / "consumer").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                assert name not in _CALLS, (file, name)
                assert "shell" not in [each.arg for each in node.keywords], file
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = {each.name for each in node.names} | {getattr(node, "module", "") or ""}
                assert not {each.partition(".")[0] for each in modules} & _MODULES, file
                starters |= {file.parent.name} if "subprocess" in modules else set()

    assert starters <= {"demo"}


@pytest.mark.claim("S-62")
def test_an_export_as_csv_quotes_every_cell_and_changes_none(tmp_path: Path) -> None:
    """So no content ends its row; a spreadsheet is not for untrusted cells (see the page)."""
    file = tmp_path / "export.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        add = write_csv(opened)
        for each in ('=cmd|"x"', "a\r\nb", '"', ",", "\r"):
            add({"id": each}, Exported(each, None, None, ()))
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.reader(opened))

    assert ['=cmd|"x"', "a\r\nb", '"', ",", "\r"] == [row[0] for row in rows[1:]]
