"""What can be said of the Dockerfile without building it, and the health check."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from consumer import healthcheck
from consumer.http import HttpServer, Probes
from tests.image.tools import ROOT
from tests.leash import free_port

DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Continued lines as one, without comments.
STEPS = [
    step.split(maxsplit=1)
    for step in re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", DOCKERFILE)).splitlines()
    if step
]
LAST_STAGE = STEPS[[step[0] for step in STEPS].index("FROM", 2) :]


def of(kind: str, steps: list[list[str]] = STEPS) -> list[str]:
    """What the steps of this kind say."""
    return [said for step, said in steps if step == kind]


def test_hadolint_finds_nothing() -> None:
    """The linter, with every rule on."""
    linter = str(Path(sys.executable).with_name("hadolint"))
    done = subprocess.run(
        [linter, "--failure-threshold", "style", str(ROOT / "Dockerfile")], capture_output=True, text=True
    )

    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def test_both_stages_have_one_base_by_its_exact_tag() -> None:
    """Major, minor, patch and distribution; a digest or another base comes by BASE_IMAGE."""
    (name, _, default) = of("ARG")[0].partition("=")

    assert "BASE_IMAGE" == name
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+", default)
    assert ["${BASE_IMAGE} AS build", "${BASE_IMAGE}"] == of("FROM")


@pytest.mark.claim("S-73")
def test_everything_that_is_installed_is_locked_by_its_hash() -> None:
    """Wheels alone, so that no compiler is needed; our own wheel asks no index."""
    installs = re.findall(r" install ([^&]*)", " ".join(of("RUN")))

    assert 3 == len(installs)
    assert all("--require-hashes --only-binary=:all:" in each for each in installs[:2])
    assert "--no-deps --no-index" in installs[2]


@pytest.mark.claim("S-73")
def test_the_image_runs_as_a_number_in_exec_form() -> None:
    """Kubernetes' runAsNonRoot needs a number; a shell as process 1 would keep SIGTERM to itself."""
    assert ["10001:10001"] == of("USER", LAST_STAGE)
    assert all(said.startswith("[") for kind in ("ENTRYPOINT", "CMD", "RUN") for said in of(kind, LAST_STAGE))
    assert "CMD [" in of("HEALTHCHECK")[0]


def test_the_build_sees_only_what_the_image_is_made_of() -> None:
    """Whatever is copied is let through by .dockerignore, and nothing else is."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {path for said in of("COPY") if not said.startswith("--from") for path in said.split()[:-1]}

    assert "*" in lines
    assert copied == allowed
    assert all((ROOT / path).exists() for path in allowed)


def test_no_package_host_is_named() -> None:
    """Whoever builds has a registry or mirror of their own."""
    assert "//" not in DOCKERFILE


async def is_healthy(host: str, port: int) -> tuple[int, int]:
    """What the health check says while a consumer listens there, and when it listens no more."""
    server = HttpServer(Probes(ready=lambda: False, status=dict, metrics=bytes), host, port)
    await server.start()
    while_listening = await asyncio.to_thread(healthcheck.main)
    await server.close()
    return while_listening, await asyncio.to_thread(healthcheck.main)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", None])  # noqa: S104
async def test_the_health_check_asks_livez_at_the_address_of_the_settings(
    host: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 while it answers, 1 where nobody does or the port's setting is wrong."""
    port = free_port()
    if host is not None:
        monkeypatch.setenv("CONSUMER_HTTP_HOST", host)
    monkeypatch.setenv("CONSUMER_HTTP_PORT", str(port))

    assert (0, 1) == await is_healthy(host or "127.0.0.1", port)

    monkeypatch.setenv("CONSUMER_HTTP_PORT", "http")
    assert 1 == healthcheck.main()


@pytest.mark.parametrize(("host", "asked"), [("::", "::1"), ("::1", "::1"), ("10.0.0.7", "10.0.0.7")])
def test_the_health_check_asks_a_loopback_of_the_kind_that_is_listened_on(host: str, asked: str) -> None:
    """A socket for any IPv6 address takes no IPv4. (No socket here: not every machine has IPv6.)"""
    assert (asked, 8080) == healthcheck.address({"CONSUMER_HTTP_HOST": host})


async def test_the_health_check_reads_the_files_of_the_secrets_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host and port may be given there, as every setting."""
    port = free_port()
    (tmp_path / "CONSUMER_HTTP_HOST").write_text("127.0.0.1\n")
    (tmp_path / "CONSUMER_HTTP_PORT").write_text(f"{port}\n")
    monkeypatch.setenv("CONSUMER_SECRETS_DIR", str(tmp_path))

    assert (0, 1) == await is_healthy("127.0.0.1", port)
