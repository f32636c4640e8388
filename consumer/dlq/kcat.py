"""How kcat publishes a dead letter byte for byte: a script for a POSIX shell. Pure."""

from typing import Final

from consumer.records import Headers

# Linux takes this much for one argument, its end included.
_MAX_ARGUMENT_BYTES: Final = 128 * 1024 - 1

README: Final = """\
Dead letters of session-consumer, one in each folder of letters/. They are personal data: keep them
as you keep the topic, and delete them when you are done.

  key, value     the record's bytes; no file where it is null. The whole file counts: see that your
                 editor adds no line break.
  headers.json   the record's headers, then ours (dlq.…), in their order. A string is text, an object
                 {"base64": "..."} is bytes that are not UTF-8.
  letters.jsonl  all of it as rows, to be searched; it is not read back.

Mend a `value` where it is broken, delete the folders that are to stay as they are, then replay the
rest within the quota (first a plan, then a question):

  session-consumer dlq replay --from .

Each folder's kcat.sh publishes its record as it stands, key, headers and all, to a topic of yours:

  sh letters/<folder>/kcat.sh -b BROKER -t TOPIC

It goes past the quota, the plan and the dead letter's state: take it for tests, and not for the
source topic.
"""


def kcat_script(key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """Publishes the record; where kcat can't do so byte for byte, it says why instead.

    The value is read from the file beside it, as it is then; key and headers are in the script.
    Measured with kcat 1.7.1.
    """
    obstacle = _obstacle(key, value, headers)
    if obstacle is not None:
        return b"#!/bin/sh\n" + _refusal(obstacle)
    words = [b'kcat -P "$@" -X message.max.bytes=67108864']
    if key is not None:
        words.append(b"-k " + _quoted(key))
    for name, content in headers:
        words.append(b"-H " + _quoted(name.encode("utf-8", "surrogateescape") + b"=" + (content or b"")))
    command = b" \\\n  ".join(words)
    lines = [b"#!/bin/sh", b"# Usage: sh kcat.sh -b BROKER -t TOPIC"]
    if value is None:
        # An empty file or line is not sent at all; one that is only a delimiter of keys is null with -Z.
        lines.append(b"printf , | " + command + b" -Z -K ,")
    else:
        lines.append(b'value="$(dirname "$0")/value"')
        lines.append(b'if [ ! -s "$value" ]; then\n' + _refusal("its value is empty") + b"fi")
        lines.append(command + b' "$value"')
    return b"\n".join(lines) + b"\n"


def _refusal(obstacle: str) -> bytes:
    return f'echo "kcat can\'t publish this byte for byte: {obstacle}." >&2\nexit 1\n'.encode()


def _obstacle(key: bytes | None, value: bytes | None, headers: Headers) -> str | None:
    if value == b"":
        return "its value is empty"
    if value is None and key == b"":
        return "its key is empty and its value null"
    arguments = [key or b""]
    for name, content in headers:
        raw = name.encode("utf-8", "surrogateescape")
        if content is None:
            return "a header is null"
        if not raw or b"=" in raw:
            return "a header's name is empty or has an ="
        arguments.append(raw + b"=" + content)
    if any(b"\0" in each for each in arguments):
        return "its key or a header has a NUL byte"
    if any(len(each) > _MAX_ARGUMENT_BYTES for each in arguments):
        return "its key or a header is too long"
    return None


def _quoted(raw: bytes) -> bytes:
    return b"'" + raw.replace(b"'", b"'\\''") + b"'"
