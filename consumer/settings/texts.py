"""The settings' texts, from the environment and the files of the secrets directory."""

import difflib
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from consumer.settings.setting import PREFIX
from consumer.settings.table import SETTINGS
from consumer.settings.values import is_there

SECRETS_DIR = PREFIX + "SECRETS_DIR"
MAX_FILE_BYTES = 65_536
MAX_WARNINGS = 20
MAX_NAME_CHARACTERS = 80

# What Kubernetes adds for a Service named `consumer`, and our own tests for theirs.
_NOT_OURS = ("CONSUMER_SERVICE_HOST", "CONSUMER_SERVICE_PORT", "CONSUMER_PORT", "CONSUMER_TEST_KAFKA")


def read_texts(
    environ: Mapping[str, str], variables: Collection[str], *, files_win: bool = False
) -> tuple[dict[str, str], list[str]]:
    """The texts of these variables that are set, and a sentence for each that can't be read.

    An empty variable or file counts as not set. Set in both places is fine while both say the same,
    or where `files_win`. One line break at a file's end is taken off.
    """
    texts: dict[str, str] = {}
    problems: list[str] = []
    directory = environ.get(SECRETS_DIR, "")
    if directory and not (is_there(directory, Path.is_dir) and os.access(directory, os.X_OK)):
        problems.append(
            f"{SECRETS_DIR} names no directory that can be entered; check the path, its mode and the mount, "
            "or unset it."
        )
        directory = ""
    for variable in variables:
        text = environ.get(variable, "")
        try:
            in_file = _read_file(directory, variable) if directory and variable != SECRETS_DIR else ""
        except ValueError as exc:
            problems.append(f"{variable} {exc}")
            continue
        if text and in_file and text != in_file and not files_win:
            problems.append(
                f"{variable} is set twice, in the environment and as a file in {SECRETS_DIR}, "
                "and the two differ; remove one of them."
            )
        elif text or in_file:
            texts[variable] = in_file or text
    return texts, problems


def setting_file(directory: str, variable: str) -> str:
    """The path of the setting's file in the secrets directory."""
    return str(Path(directory) / variable)


def _read_file(directory: str, variable: str) -> str:
    """The text of the setting's file, empty where there is none; ValueError where it can't be read."""
    try:
        return read_bounded(setting_file(directory, variable), MAX_FILE_BYTES)
    except FileNotFoundError:
        return ""
    except ValueError as exc:
        raise ValueError(f"has a file in {SECRETS_DIR} that {exc}") from None


def read_bounded(path: str, max_bytes: int) -> str:
    """A file's text without the line break at its end.

    FileNotFoundError; ValueError with the rest of a sentence ("… a file that") where it can't be read.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise ValueError(f"can't be read ({type(exc).__name__}); check its mode.") from None
    if len(content) > max_bytes:
        raise ValueError(f"has more than {max_bytes} bytes; it holds something else.")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; write it anew.") from None
    return text.removesuffix("\n").removesuffix("\r")


def unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each variable with our prefix that is no setting, at most 20 of them.

    Not a problem: Kubernetes injects such names itself.
    """
    known = [setting.variable for setting in SETTINGS]
    strangers = sorted(
        name
        for name in environ
        if name.startswith(PREFIX) and name not in known and not name.startswith(_NOT_OURS)
    )
    warnings = [_unknown(name[:MAX_NAME_CHARACTERS], known) for name in strangers[:MAX_WARNINGS]]
    if len(strangers) > MAX_WARNINGS:
        warnings.append(
            f"{len(strangers) - MAX_WARNINGS} more variables begin with {PREFIX} and are no settings."
        )
    return tuple(warnings)


def _unknown(name: str, known: list[str]) -> str:
    # Compared without the prefix, which would make every name look alike.
    bare = {variable.removeprefix(PREFIX): variable for variable in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=0.7)
    hint = f"; did you mean {bare[close[0]]}?" if close else "."
    return f"{ascii(name)[1:-1]} is set, but no setting has that name{hint}"
