"""Access control of the live page's server: pure checks of a request's headers.

It protects pictures of people's rooms. A page on the web must not obtain them through the browser of the
person at the camera: neither by a name made to resolve to this machine (DNS rebinding: the Host header is
checked) nor by a cross-site request (Origin and Sec-Fetch-Site); and nobody on the network without the token.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Rules:
    """Which requests are accepted."""

    token: str | None = None
    """Required where the network can reach the server; None on loopback."""
    names: frozenset[str] = LOOPBACK_NAMES
    """Host names of this machine, in lower case, without ports."""
    any_address: bool = False
    """Whether any numeric address is accepted as well: it cannot be made to resolve elsewhere."""


@dataclass(frozen=True)
class Refusal:
    """The response to a rejected request."""

    status: HTTPStatus
    reason: str


def refusal(method: str, headers: Mapping[str, str], query_token: str | None, rules: Rules) -> Refusal | None:
    """Return why a request is rejected, or None.

    Args:
        method: of the request.
        headers: by lower-case name.
        query_token: the query parameter `token`, if present.
        rules: which requests are accepted.
    """
    if method != "GET":
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered here.")
    host = headers.get("host", "")
    if not _is_ours(host, rules):
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "This is not the name of this machine.")
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return Refusal(HTTPStatus.FORBIDDEN, "Pages from elsewhere may not read this.")
    # Requests for images and the like have no Origin. A cross-site link to the page itself is fine.
    is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not is_link:
        return Refusal(HTTPStatus.FORBIDDEN, "Pages from elsewhere may not show this.")
    if rules.token is not None and not _same(_bearer(headers) or query_token or "", rules.token):
        return Refusal(HTTPStatus.UNAUTHORIZED, "The token of the printed address is missing or wrong.")
    return None


_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")


def _is_ours(host: str, rules: Rules) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = (found["six"] or found["name"]).lower()
    if name.rstrip(".") in rules.names:
        return True
    if not rules.any_address:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bearer(headers: Mapping[str, str]) -> str | None:
    """Return the token of an Authorization header, as programs send it, or None."""
    found = re.fullmatch(r"[Bb]earer +(\S+)", headers.get("authorization", ""))
    return None if found is None else found[1]


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
