"""AsyncAPI's own parser, installed once by npm from a lock with integrity hashes."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent / "asyncapi"
_INSTALL_SECONDS = 100
_PARSE_SECONDS = 60


class ParserUnavailableError(Exception):
    """It is not there and can't be installed: why, in half a sentence."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What the parser says. `severity`: error, warning, information or hint; `path`: joined by dots."""

    severity: str
    code: str
    path: str
    message: str


def install() -> Path:
    """Where its packages are. ParserUnavailableError where there is no npm, or it fails."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise ParserUnavailableError("there is no node with npm on the PATH")
    root = Path(os.environ.get("CONSUMER_TEST_CACHE") or "~/.cache/session-consumer").expanduser()
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    place = root / f"asyncapi-parser-{digest}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "asyncapi-parser.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process, whatever becomes of it
        if not place.is_dir():
            _install_into(place)
    return place / "node_modules"


def parse(modules: Path, document: object) -> list[Diagnostic]:
    """All that it says of the document; nothing where it is content."""
    done = subprocess.run(
        ["node", str(HERE / "validate.cjs")],
        input=json.dumps(document),
        env={**os.environ, "NODE_PATH": str(modules)},
        capture_output=True,
        text=True,
        timeout=_PARSE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-600:]
    return [Diagnostic(**found) for found in json.loads(done.stdout)]


def _install_into(place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent, ignore_cleanup_errors=True) as fresh:
        made = Path(fresh, "parser")
        made.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, made)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        try:
            done = subprocess.run(
                command, cwd=made, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ParserUnavailableError(f"npm had not finished after {_INSTALL_SECONDS} s") from error
        if done.returncode:
            raise ParserUnavailableError(f"npm could not install it: {done.stderr.strip()[-600:]}")
        made.rename(place)
