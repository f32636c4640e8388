"""`python -m schemas.generate` writes what follows from the models; `--check` says what has drifted.

Written: `json/*.json`, `asyncapi.json`, and in `examples/invalid/*.json` the error class, message and
details that a dead letter of that event carries. What people write there is `why`, the `event` (or
`value`, the bytes as text) and maybe the portal's `time_zone`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from schemas import asyncapi
from schemas.catalogue import CATALOGUE, DIRECTORY, INVALID_EXAMPLES, SCHEMA_DIRECTORY, json_schema, read_json

DRIFTED = 1
# Kafka's own default for a topic.
_DEFAULT_MAX_MESSAGE_BYTES = 1_048_588


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or with `--check` list those that differ and return 1."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 where a file has drifted"
    )
    is_check = parser.parse_args(arguments).check
    drifted = drift(generated_texts())
    for path, text in drifted.items():
        sys.stderr.write(f"{'drifted' if is_check else 'written'}: schemas/{path.relative_to(DIRECTORY)}\n")
        if not is_check:
            write(path, text)
    if drifted and is_check:
        sys.stderr.write("Run `make generate` and commit what it writes.\n")
        return DRIFTED
    return 0


def generated_texts() -> dict[Path, str]:
    """Every generated file and what has to be in it."""
    texts = {SCHEMA_DIRECTORY / f"{name}.json": _text(json_schema(name)) for name in CATALOGUE}
    # Topics' settings and messages are the program's own. It stands above this package, which must not
    # import it; this is the build's tool and no part of what runs, so it takes them by name.
    explain = import_module("consumer.events.examples").explain
    texts[asyncapi.DOCUMENT] = _text(asyncapi.document(import_module("consumer").__version__, _topics()))
    for path in sorted(INVALID_EXAMPLES.glob("*.json")):
        texts[path] = _text(explain(read_json(path)))
    return texts


def _topics() -> dict[str, asyncapi.TopicFacts]:
    """By role; the largest record is what it is where the source topic has Kafka's default."""
    wanted = import_module("consumer.kafka.topic_plan").wanted_topics
    names = import_module("consumer.settings").TopicNames()
    return {
        topic.role: asyncapi.TopicFacts(topic.name, topic.config)
        for topic in wanted(names, _DEFAULT_MAX_MESSAGE_BYTES)
    }


def drift(texts: dict[Path, str]) -> dict[Path, str | None]:
    """Those files that hold something else; None for a schema that no model stands for any more."""
    drifted: dict[Path, str | None] = {
        path: text
        for path, text in texts.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path in sorted(SCHEMA_DIRECTORY.glob("*.json")):
        if path not in texts:
            drifted[path] = None
    return drifted


def write(path: Path, text: str | None) -> None:
    """Write the file, or remove it where there is no text for it."""
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _text(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
