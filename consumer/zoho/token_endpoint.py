"""The request that mints an access token."""

from urllib.parse import urlencode

from yarl import URL

from consumer.zoho.answer import Answer
from consumer.zoho.errors import Interrupted
from consumer.zoho.oauth import Credential
from consumer.zoho.wire import HttpRequest, Wire

_FORM = "application/x-www-form-urlencoded"


class TokenEndpoint:
    """`POST {accounts}/oauth/v2/token`, with the credential in the form body: URLs end in logs."""

    def __init__(self, wire: Wire, accounts_url: str, timeout_seconds: float) -> None:
        self._wire = wire
        self._url = URL(f"{accounts_url}/oauth/v2/token", encoded=True)
        self._timeout_seconds = timeout_seconds

    async def ask(self, credential: Credential) -> Answer | Interrupted:
        """Ask once for a token."""
        form = {
            "grant_type": "refresh_token",
            "client_id": credential.client_id,
            "client_secret": credential.client_secret,
            "refresh_token": credential.refresh_token,
        }
        request = HttpRequest("POST", self._url, {"Content-Type": _FORM}, urlencode(form).encode())
        return await self._wire.exchange(request, self._timeout_seconds)
