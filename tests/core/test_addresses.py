"""No user, no password and no query of an address is ever seen, however it was written."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflecam.core.addresses import is_address, needs_escapes, scrub, shown, without_secrets
from shufflecam.core.errors import SourceError
from tests.helpers.addresses import FORMS, SECRETS


@pytest.mark.parametrize("address", FORMS)
@pytest.mark.parametrize(
    "sentence",
    [
        "{}",
        "{} cannot be opened.",
        "There is no file {}; check the path.",
        "'{}' is not a size",
        "ConnectionRefusedError: [Errno 111] Connection refused: '{}'",
        '("{}", 1)',
        "--boxes={}: no",
        "(see {}).",
    ],
)
def test_no_form_shows_in_any_sentence(address: str, sentence: str) -> None:
    text = sentence.format(address)
    seen = without_secrets(text)
    assert not SECRETS.search(seen), seen
    assert without_secrets(seen) == seen
    assert not SECRETS.search(str(SourceError(text)))


@pytest.mark.parametrize("address", [*FORMS, "rtsp://admin:my cret9 x@cam/x", "admin@cam.local/live"])
def test_what_is_known_to_be_an_address_is_hidden_whole(address: str) -> None:
    seen = shown(address)
    assert not SECRETS.search(seen), seen
    assert without_secrets(seen) == seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("rtsp://me:secret@cam:554/live?token=1", "rtsp://cam:554/live"),
        ("rtsp://a:b@[fe80::1]:554/x is off", "rtsp://[fe80::1]:554/x is off"),
        ("rtsp://a:b@fe80::1/x", "rtsp://[fe80::1]/x"),
        ("RTSP://A:B@H/x#y", "RTSP://H/x"),
        ("a:b@10.0.0.2/x: no", "10.0.0.2/x: no"),
        ("rtsp://a:b", "rtsp://..."),
        ("'rtsp://a:b@h/x', \"rtsp://h/y\" (http://h/z).", "'rtsp://h/x', \"rtsp://h/y\" (http://h/z)."),
    ],
)
def test_the_host_stays(text: str, seen: str) -> None:
    assert without_secrets(text) == seen


@pytest.mark.parametrize(
    "text",
    [
        "icon@2x.png is not a picture",
        "photos/icon@2x.png and clip@30fps.mp4",
        r"C:\Users\me@work\x.mp4",
        "C:/Users/me@work/x.mp4",
        "12:30 to me@mail.org",
        "http://127.0.0.1:8000/ and rtsp://10.0.0.2:554/live, rtsp://cam: no; http://h/a.mp4.",
        "--size 1280x720: 50 % of it, crf = 18",
        "videos/a=b.mp4?",
        "pip install 'shufflecam[serve]'",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text
    assert shown("photos/in.mp4") == "photos/in.mp4"


@given(
    user=st.text("abz/#?@%:;,()'\"é人", min_size=1, max_size=6),
    password=st.text("mnq/#?@%:;,()'\"=&ü", min_size=1, max_size=8),
    scheme=st.sampled_from(["rtsp://", "rstp://", "http:/", "x+y://", ""]),
)
def test_no_user_and_no_password_whatever_is_in_them(user: str, password: str, scheme: str) -> None:
    address = f"{scheme}Q{user}Q:W{password}W@10.0.0.2:554/live"
    for text in (address, f"{address} cannot be opened: no answer", f"boxes file {address}; x"):
        seen = without_secrets(text)
        assert "Q" not in seen
        assert "W" not in seen
        assert without_secrets(seen) == seen


def test_which_characters_have_to_be_escaped() -> None:
    for mark in "/#?@ ":
        assert needs_escapes(f"rtsp://me:a{mark}b@h/x")
    assert not needs_escapes("rtsp://me:a%2Fb@h/x")
    assert not needs_escapes("rtsp://h/x?y")


def test_what_is_an_address() -> None:
    assert all(map(is_address, ("rstp://h/x", "me:secret@h/x", "rtsp:/h")))
    assert not any(map(is_address, ("in.mp4", "a/b@2x.png", "C:/x.mp4", "C:\\x.mp4", "0", "/dev/video0")))


def test_errors_of_libraries_are_scrubbed_with_those_that_they_came_from() -> None:
    import av

    with pytest.raises(av.error.FFmpegError) as caught:
        av.open("rtsp://admin:cret9@127.0.0.1:1/x", timeout=2)
    error = FileNotFoundError(2, os.strerror(2), "http://admin:cret9@h/x")
    error.__cause__ = caught.value
    assert SECRETS.search(str(error))
    scrub(error)
    assert error.__cause__ is not None
    for text in (str(error), repr(error), str(error.__cause__), repr(error.__cause__.args)):
        assert not SECRETS.search(text)
    assert "http://h/x" in str(error)
