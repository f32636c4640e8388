"""The publishers' samples, as their page says to run them."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from helm.toolbox import SAMPLE_TOOLS, ToolsUnavailableError
from tests.kafka_broker.fetch import fetch_jars
from tests.kafka_broker.java import BrokerUnavailableError, find_java

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
_RUN_SECONDS = 90


class LanguageUnavailableError(Exception):
    """The sample's language is not on this machine: why, in half a sentence."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a sample ended, and what it said."""

    exit_code: int | None
    stdout: str
    stderr: str


def command(language: str) -> list[str]:
    """What runs the sample; LanguageUnavailableError."""
    match language:
        case "python":
            return [sys.executable, str(SAMPLES / "python" / "publish.py")]
        case "java":
            try:
                return [
                    find_java().binary,
                    "-cp",
                    f"{fetch_jars()}/*",
                    str(SAMPLES / "java" / "Publish.java"),
                ]
            except BrokerUnavailableError as error:
                raise LanguageUnavailableError(str(error)) from error
        case "go":
            try:
                return [str(SAMPLE_TOOLS.tool("publish"))]
            except ToolsUnavailableError as error:
                raise LanguageUnavailableError(str(error)) from error
        case _:
            for name in ("kcat", "jq"):
                if shutil.which(name) is None:
                    raise LanguageUnavailableError(f"there is no {name} on the PATH")
            return ["sh", str(SAMPLES / "kcat" / "publish.sh")]


async def run(words: list[str], *arguments: str) -> Ran:
    """Run it to its end; TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        *words, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_RUN_SECONDS):
            stdout, stderr = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    return Ran(process.returncode, stdout.decode(), stderr.decode())
