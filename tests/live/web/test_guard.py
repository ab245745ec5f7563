"""Who is let in."""

from __future__ import annotations

import pytest

from shufflecam.live.web.guard import LOOPBACK_NAMES, Rules, refusal

LOCAL = Rules()
OPEN = Rules("s3cret", LOOPBACK_NAMES | {"studio", "studio.local"}, any_address=True)


def status(rules: Rules, token: str | None = None, method: str = "GET", **headers: str) -> int | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    refused = refusal(method, named, token, rules)
    return None if refused is None else int(refused.status)


@pytest.mark.parametrize(
    "host", ["localhost:8000", "127.0.0.1:8000", "LOCALHOST", "localhost.:80", "[::1]:8000", "127.0.0.1:9000"]
)
def test_our_own_names(host: str) -> None:
    assert status(LOCAL, host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8000", "192.168.1.7:8000", "localhost.evil.example", "a b", "",
        "127.0.0.1.evil.example", "localhost:x", "user@localhost", "localhost/..", "[::1", "localhost#",
        "localhost:8000@evil.example",
    ],
)  # fmt: skip
def test_other_names_are_not_answered(host: str) -> None:
    assert status(LOCAL, host=host) == 421


def test_a_name_that_was_made_to_point_here_does_not_help_on_the_network_either() -> None:
    assert status(OPEN, "s3cret", host="rebound.example:8000") == 421
    for host in ("192.168.1.7:8000", "[fe80::1]:8000", "studio:8000", "Studio.local"):
        assert status(OPEN, "s3cret", host=host) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "get"])
def test_only_get(method: str) -> None:
    assert status(LOCAL, method=method, host="localhost") == 405


def test_pages_from_elsewhere() -> None:
    host = "localhost:8000"
    assert status(LOCAL, host=host, origin="http://localhost:8000") is None
    for origin in ("http://evil.example", "null", "https://localhost:8000", "http://localhost:9000", ""):
        assert status(LOCAL, host=host, origin=origin) == 403
    assert status(LOCAL, host=host, sec_fetch_site="same-origin") is None
    assert status(LOCAL, host=host, sec_fetch_site="none") is None
    assert status(LOCAL, host=host, sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403
    assert status(LOCAL, host=host, sec_fetch_site="same-site") == 403
    navigates = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert status(LOCAL, host=host, **navigates, sec_fetch_dest="document") is None
    assert status(LOCAL, host=host, **navigates, sec_fetch_dest="iframe") == 403


def test_the_token() -> None:
    assert status(OPEN, "s3cret", host="localhost") is None
    assert status(OPEN, None, host="localhost", authorization="Bearer s3cret") is None
    for token in (None, "", "s3cre", "s3cret ", "S3CRET", "é\udcff"):
        assert status(OPEN, token, host="localhost") == 401
    for header in ("Basic s3cret", "Bearer", "Bearer wrong", "s3cret"):
        assert status(OPEN, None, host="localhost", authorization=header) == 401
