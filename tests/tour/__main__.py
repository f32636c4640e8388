"""`make tour`: walks through the incident and writes docs/tour.md."""

import asyncio
import tempfile
from pathlib import Path

from tests.tour.incident import incident
from tests.tour.script import as_page, page, walk


async def _main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with incident(Path(directory)) as scene:
            told = [each async for each in walk(scene)]
    page().write_text(as_page(told), "utf-8")


if __name__ == "__main__":
    asyncio.run(_main())
