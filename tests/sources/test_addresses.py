"""What is said of addresses that do not open, against cameras that want a password."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from shufflecam.core.errors import SourceError
from shufflecam.sources import open_live, open_stream
from shufflecam.sources.addresses import cannot_be_meant
from shufflecam.sources.pictures.source import open_images
from shufflecam.sources.video.source import open_video
from tests.helpers.addresses import FORMS, SECRETS
from tests.sources.locked_server import serve_locked, serve_locked_rtsp


def refused(address: str) -> str:
    """The message, after a look through the whole traceback."""
    with pytest.raises(SourceError) as caught:
        open_live(address)
    assert not SECRETS.search("".join(traceback.format_exception(caught.value)).split("Error: ", 1)[1])
    return str(caught.value)


@pytest.mark.parametrize(
    ("refusal", "says"), [(401, "missing or wrong (401)"), (403, "are wrong, or this user")]
)
def test_a_camera_that_lets_nobody_in_is_told_by_user_and_password(refusal: int, says: str) -> None:
    with serve_locked("admin", "other", refusal) as host:
        message = refused(f"http://admin:cret9@{host}/video")
        assert says in message
        assert "check them" in message
        assert "is the camera on" not in message
        assert "none was given" in refused(f"http://{host}/video")
    with serve_locked_rtsp("401 Unauthorized" if refusal == 401 else "403 Forbidden") as host:
        assert says in refused(f"rtsp://admin:cret9@{host}/live")


def test_a_password_with_escapes_opens_and_is_in_no_record() -> None:
    with serve_locked("admin", "se/c#r?e@t cret9") as host:
        source = open_stream(f"http://admin:se%2Fc%23r%3Fe%40t%20cret9@{host}/video")
        assert source.info.path == f"http://{host}/video"
        assert next(source.frames()).image.shape == (64, 96, 3)
        source.close()


@pytest.mark.parametrize("mark", "/#?")
def test_a_password_that_cuts_the_address_is_said_before_anybody_is_asked(mark: str) -> None:
    address = f"rtsp://admin:se{mark}cret9@127.0.0.1:9/x"
    assert cannot_be_meant(address)
    message = refused(address)
    for escape in ("%2F", "%23", "%3F", "%40"):
        assert escape in message


def test_addresses_that_can_be_meant() -> None:
    for address in ("rtsp://h/x", "rtsp://a:b@h/x", "http://h:80/x?to=me@h", "rtsp://[::1]:9/x?a=b@c"):
        assert not cannot_be_meant(address)


@pytest.mark.parametrize("address", FORMS)
def test_files_that_are_addresses_point_to_the_webcam(address: str, tmp_path: Path) -> None:
    for opening in (open_video, lambda name: open_images([name])):
        with pytest.raises(SourceError) as caught:
            opening(address)
        assert "type: shufflecam webcam" in str(caught.value)
        assert not SECRETS.search("".join(traceback.format_exception(caught.value)).split("Error: ", 1)[1])


def test_a_misspelt_kind_of_address() -> None:
    assert "did you mean rtsp?" in refused("rstp://admin:cret9@127.0.0.1:9/x")
    assert "begins with rtsp://" in refused("admin:cret9@127.0.0.1:9/x")


def test_a_file_with_such_a_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("me:secret@home.mp4").write_bytes(b"no video")
    with pytest.raises(SourceError, match="is not a video"):
        open_video("me:secret@home.mp4")
