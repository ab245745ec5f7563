"""Who may ask the live page's server what: pure checks of a request's head.

Pictures of people's rooms are behind this. A page on the web must not get at them through the browser of
the person at the camera: not by a name that is made to point here (DNS rebinding: the Host header is
checked), not by asking from elsewhere (Origin and Sec-Fetch-Site), and nobody on the network without the
token.
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
    """What is let in."""

    token: str | None = None
    """Needed where the network can reach the server; None on loopback."""
    names: frozenset[str] = LOOPBACK_NAMES
    """Host names that are ours, in lower case, without ports."""
    any_address: bool = False
    """Whether any numeric address will do as well: it cannot be made to point elsewhere."""


@dataclass(frozen=True)
class Refusal:
    """An answer instead of the one that was asked for."""

    status: HTTPStatus
    reason: str


def refusal(method: str, headers: Mapping[str, str], query_token: str | None, rules: Rules) -> Refusal | None:
    """Why a request is turned away, or None.

    Args:
        method: of the request.
        headers: by their names in lower case.
        query_token: `token` of the address, where it has one.
        rules: what is let in.
    """
    if method != "GET":
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered here.")
    host = headers.get("host", "")
    if not _is_ours(host, rules):
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "This is not the name of this machine.")
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return Refusal(HTTPStatus.FORBIDDEN, "Pages from elsewhere may not read this.")
    # Pictures and the like carry no Origin. A link from elsewhere to the page itself is fine.
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
    """The token of an Authorization header, as programs send it."""
    found = re.fullmatch(r"[Bb]earer +(\S+)", headers.get("authorization", ""))
    return None if found is None else found[1]


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
