"""`python -m consumer.healthcheck`: the image's HEALTHCHECK, which asks the `run` beside it for `/livez`."""

import http.client
import os
import sys

from consumer.settings import SettingsError, load_http_port

ANSWER_SECONDS = 2.0
_ANY_ADDRESS = {"", "0.0.0.0", "::"}  # noqa: S104  (they are compared with, not listened on)


def main() -> int:
    """0 where `/livez` says 200, else 1 with a line on stderr; a port of 0 can't be known here."""
    host = os.environ.get("CONSUMER_HTTP_HOST", "")
    try:
        port = load_http_port(os.environ)
        connection = http.client.HTTPConnection(
            "127.0.0.1" if host in _ANY_ADDRESS else host, port, timeout=ANSWER_SECONDS
        )
        connection.request("GET", "/livez")
        status = connection.getresponse().status
    except (SettingsError, OSError, http.client.HTTPException) as exc:
        print(f"/livez: {exc}", file=sys.stderr)
        return 1
    return int(status != http.client.OK)


if __name__ == "__main__":
    sys.exit(main())
