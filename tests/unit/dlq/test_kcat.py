"""The script that publishes a dead letter with kcat: a real shell, and a kcat that tells its arguments."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.dlq.kcat import kcat_script
from consumer.records import Headers

# What a shell may trip over, and no NUL, which no argument can hold.
ODD = st.text("aé'\"\\$`! \n;*=-", max_size=12).map(str.encode) | st.binary(max_size=12).filter(
    lambda raw: b"\0" not in raw
)
NAMES = ODD.filter(lambda raw: raw and b"=" not in raw).map(
    lambda raw: raw.decode("utf-8", "surrogateescape")
)
TELLS = '#!/bin/sh\nprintf "%s\\0" "$@" > "$TOLD"\ncat >> "$TOLD.stdin"\n'


def run(script: bytes, folder: Path, value: bytes | None) -> tuple[int, list[bytes], str]:
    """Its exit code, what kcat was called with, and what it says."""
    (folder / "kcat").write_text(TELLS)
    (folder / "kcat").chmod(0o700)
    (folder / "kcat.sh").write_bytes(script)
    if value is not None:
        (folder / "value").write_bytes(value)
    told = folder / "told"
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "TOLD": str(told)}
    command = ["sh", str(folder / "kcat.sh"), "-b", "broker", "-t", "topic"]
    done = subprocess.run(command, env=env, capture_output=True, stdin=subprocess.DEVNULL)
    arguments = told.read_bytes().split(b"\0")[:-1] if told.exists() else []
    return done.returncode, arguments, done.stderr.decode()


@pytest.mark.claim("S-64")
@settings(max_examples=40, deadline=None)
@given(key=st.none() | ODD, headers=st.lists(st.tuples(NAMES, ODD), max_size=4).map(tuple))
def test_key_and_headers_reach_kcat_byte_for_byte(
    key: bytes | None, headers: Headers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a shell makes of their characters; the value is the file beside the script."""
    folder = tmp_path_factory.mktemp("letter")

    code, arguments, _ = run(kcat_script(key, b"v", headers), folder, b"v")

    assert 0 == code
    assert [b"-P", b"-b", b"broker", b"-t", b"topic"] == arguments[:5]
    assert str(folder / "value").encode() == arguments[-1]
    named = [name.encode("utf-8", "surrogateescape") + b"=" + (value or b"") for name, value in headers]
    expected: list[bytes] = [] if key is None else [b"-k", key]
    for each in named:
        expected += [b"-H", each]
    assert expected == arguments[7:-1]


@pytest.mark.parametrize(
    ("key", "value", "headers", "said"),
    [
        (b"k", b"", (), "its value is empty"),
        (b"", None, (), "its key is empty and its value null"),
        (b"a\0", b"v", (), "its key or a header has a NUL byte"),
        (b"k", b"v", (("a", b"\0"),), "its key or a header has a NUL byte"),
        (b"k", b"v", (("a", None),), "a header is null"),
        (b"k", b"v", (("a=b", b""),), "a header's name is empty or has an ="),
        (b"k" * 200_000, b"v", (), "its key or a header is too long"),
    ],
)
def test_what_kcat_cant_do_is_told(
    key: bytes, value: bytes | None, headers: Headers, said: str, tmp_path: Path
) -> None:
    """Nothing is published that is not the same."""
    assert (1, [], f"kcat can't publish this byte for byte: {said}.\n") == run(
        kcat_script(key, value, headers), tmp_path, value
    )


def test_a_value_that_was_emptied_is_told(tmp_path: Path) -> None:
    """Since kcat sends nothing of an empty file, and says nothing."""
    code, arguments, said = run(kcat_script(b"k", b"v", ()), tmp_path, b"")

    assert (1, []) == (code, arguments)
    assert "its value is empty" in said


def test_a_null_value_is_published_as_null(tmp_path: Path) -> None:
    """With -Z, of a line that is a delimiter of keys and nothing else."""
    code, arguments, _ = run(kcat_script(b"k", None, ()), tmp_path, None)

    assert (0, [b"-Z", b"-K", b","]) == (code, arguments[-3:])
