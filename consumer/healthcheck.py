"""`python -m consumer.healthcheck`: the image's HEALTHCHECK, which asks the `run` beside it for `/livez`."""

import http.client
import os
import sys
from collections.abc import Mapping

from consumer.settings import SettingsError, load_http_address

ANSWER_SECONDS = 2.0
# Whoever listens on any address of a kind is asked on its loopback; a socket for `::` takes no IPv4.
_LOOPBACKS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (they are compared with, not listened on)


def main() -> int:
    """0 where `/livez` says 200, else 1 with a line on stderr; a port of 0 can't be known here."""
    try:
        connection = http.client.HTTPConnection(*address(os.environ), timeout=ANSWER_SECONDS)
        connection.request("GET", "/livez")
        status = connection.getresponse().status
    except (SettingsError, OSError, http.client.HTTPException) as exc:
        print(f"/livez: {exc}", file=sys.stderr)
        return 1
    return int(status != http.client.OK)


def address(environ: Mapping[str, str]) -> tuple[str, int]:
    """Where to ask, as a host and a port; SettingsError."""
    host, port = load_http_address(environ)
    return _LOOPBACKS.get(host, host), port


if __name__ == "__main__":
    sys.exit(main())
