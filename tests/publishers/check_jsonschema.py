"""check-jsonschema, as a publisher runs it."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

_COMMAND = str(Path(sys.executable).with_name("check-jsonschema"))
_SECONDS = 60


def refused(schema: Path | None, files: Iterable[Path]) -> set[str]:
    """The stems of the files that the schema refuses; None: files are schemas themselves.

    AssertionError where it could not look at all of them.
    """
    how = ["--check-metaschema"] if schema is None else ["--schemafile", str(schema)]
    done = subprocess.run(
        [_COMMAND, "--output-format", "json", *how, *map(str, files)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    report = json.loads(done.stdout)
    assert not report.get("parse_errors"), report
    found = {Path(error["filename"]).stem for error in report.get("errors", ())}
    assert ("ok" if not found else "fail") == report["status"], report
    return found
