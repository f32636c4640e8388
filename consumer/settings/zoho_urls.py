"""Where Zoho is: the data centres, and the rule for URLs given by hand."""

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from consumer.settings.values import is_host

MAX_URL_CHARACTERS = 500


class DataCentre(NamedTuple):
    """The two hosts of one Zoho data centre. A token belongs to one data centre only."""

    people_url: str
    accounts_url: str


def _zoho(domain: str) -> DataCentre:
    return DataCentre(f"https://people.{domain}", f"https://accounts.{domain}")


# Zoho's documentation of its data centres; Canada is the one with a domain of its own.
DATA_CENTRES: dict[str, DataCentre] = {
    "com": _zoho("zoho.com"),
    "eu": _zoho("zoho.eu"),
    "in": _zoho("zoho.in"),
    "com.au": _zoho("zoho.com.au"),
    "jp": _zoho("zoho.jp"),
    "com.cn": _zoho("zoho.com.cn"),
    "ca": _zoho("zohocloud.ca"),
    "sa": _zoho("zoho.sa"),
    "uk": _zoho("zoho.uk"),
}


def check_url(text: str) -> str:
    """Give the URL without a trailing slash; ValueError with a sentence where tokens must not go there.

    Allowed are https, and http on loopback, with a port and a path but no user, query or fragment.
    The sentence never quotes the URL: it may hold a password.
    """
    if len(text) > MAX_URL_CHARACTERS or not all("!" <= character <= "~" for character in text):
        raise ValueError(
            f"must be a URL of at most {MAX_URL_CHARACTERS} ASCII characters without white space"
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL; give one such as https://people.zoho.com") from None
    if parts.scheme not in {"http", "https"} or not host or not is_host(host) or port == 0:
        raise ValueError("is not a URL with a host; give one such as https://people.zoho.com")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password; remove what stands before the @")
    if "?" in text or "#" in text or "\\" in text:
        raise ValueError("must not have a query or fragment; give scheme, host, port and path only")
    if any(segment in {".", ".."} for segment in parts.path.split("/")):
        raise ValueError("must not have . or .. in its path; write the path out")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must be https (http is for loopback only): access tokens would travel in the clear")
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine: `localhost`, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
