"""What comes with the product that is not ours: claims of docs/security.md."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
LOCKS = tuple(sorted((ROOT / "requirements").glob("*.txt")))
_LOCKED = re.compile(r"([a-z0-9.-]+)==(\S+?)(?: ;.*)?((?:\s+--hash=sha256:[0-9a-f]{64})+)")


def locked(lock: Path) -> dict[str, tuple[str, set[str]]]:
    """Version and hashes of each package; fails where a line is none that is pinned with its hashes."""
    text = re.sub(r"^\s*#.*$", "", lock.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found = {}
    for line in filter(str.strip, text.split("\n")):
        parts = _LOCKED.fullmatch(line.strip())
        assert parts is not None, line[:80]
        found[parts[1]] = (parts[2], set(re.findall(r"sha256:([0-9a-f]{64})", parts[3])))
    return found


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """A target of the Makefile, as a person runs it."""
    return subprocess.run(["make", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.claim("S-70")
@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_dependency_is_locked_with_its_hashes(lock: Path) -> None:
    """Also those of dependencies; and where they are installed, nothing without a hash is."""
    assert len(locked(lock)) > 4
    installs = re.findall(
        r"pip .*?install(?:[^\n]|\\\n)*", (ROOT / "Makefile").read_text() + (ROOT / "Dockerfile").read_text()
    )
    assert len(installs) >= 5
    assert [] == [each for each in installs if "--require-hashes" not in each and "--no-deps" not in each]


@pytest.mark.claim("S-71")
def test_the_bill_of_materials_names_every_runtime_dependency(tmp_path: Path) -> None:
    """Name, version and every hash of the lock, no more and no less; valid, and the same each time."""
    files = [tmp_path / "1" / "sbom.json", tmp_path / "2" / "sbom.json"]
    for file in files:
        done = make("sbom", f"SBOM={file}")
        assert 0 == done.returncode, done.stderr
    text = files[0].read_text()
    found = json.loads(text)

    assert text == files[1].read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"library"', '"x"')) is not None
    assert "session-consumer" == found["metadata"]["component"]["name"]
    assert locked(ROOT / "requirements" / "otel.txt") == {
        each["name"]: (
            each["version"],
            {entry["content"] for place in each["externalReferences"] for entry in place["hashes"]},
        )
        for each in found["components"]
    }


@contextmanager
def vulnerability_service(bad: str | None, status: int = 200) -> Iterator[str]:
    """Knows of one vulnerability, in all versions of the package `bad`; its URL."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found: dict[str, Any] = {}
            if asked["package"]["name"] == bad:
                found = {"vulns": [{"id": "TEST-1", "details": "bad", "affected": []}]}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/query"
    finally:
        server.shutdown()


@pytest.mark.claim("S-72")
def test_the_audit_passes_only_where_everything_could_be_asked_for() -> None:
    """It fails at a known vulnerability, at a service that errs, and at one that isn't there."""
    with vulnerability_service(None) as url:
        assert 0 == make("audit", f"AUDIT_SERVICE=-s osv --osv-url {url}").returncode
    with vulnerability_service("aiohttp") as url:
        found = make("audit", f"AUDIT_SERVICE=-s osv --osv-url {url}")
        assert 0 != found.returncode
        assert "TEST-1" in found.stdout
    with vulnerability_service(None, status=503) as url:
        assert 0 != make("audit", f"AUDIT_SERVICE=-s osv --osv-url {url}").returncode
    assert 0 != make("audit", "AUDIT_SERVICE=-s osv --osv-url http://127.0.0.1:9/").returncode
