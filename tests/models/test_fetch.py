"""Downloads against a real server: whole, broken, wrong, gone, and sent elsewhere."""

from __future__ import annotations

import dataclasses
import hashlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shufflecam.core.errors import OutputError, UsageError, WeightsError
from shufflecam.models.catalogue import PersonEntry, cache_dir, entry, state_of
from shufflecam.models.fetch import ATTEMPTS, address, check_sha256, fetch
from shufflecam.models.http import BrokeOff, Limits, check_redirect, download
from tests.models.server import Site, serve

CONTENT = bytes(range(256)) * 1200
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("http_proxy", "https_proxy", "all_proxy", "SHUFFLECAM_MIRROR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(Site(CONTENT)) as running:
        yield running


def model_at(site: Site, sha256: str = SHA256) -> PersonEntry:
    return PersonEntry(
        name="tiny",
        architecture="yolov8n",
        file="tiny.pt",
        url=f"{site.url}/files/tiny.pt",
        sha256=sha256,
        published="",
        licence="",
    )


def test_a_good_file(site: Site, cache: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    model = model_at(site)
    assert state_of(model) == "to fetch"
    fetched = fetch(model, on_progress=lambda done, total: seen.append((done, total)))
    assert fetched.path == cache / "tiny.pt"
    assert fetched.path.read_bytes() == CONTENT
    assert (fetched.sha256, fetched.verified, fetched.fresh) == (SHA256, True, True)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert state_of(model) == "cached"
    assert not list(cache.glob("*.part"))


def test_a_second_time_asks_nobody(site: Site) -> None:
    fetch(model_at(site))
    asked = len(site.requests)
    fetched = fetch(model_at(site))
    assert not fetched.fresh
    assert len(site.requests) == asked


def test_eight_digits_of_the_hash_suffice(site: Site) -> None:
    assert fetch(model_at(site, SHA256[:8])).verified


def test_a_damaged_file_in_the_cache_is_replaced(site: Site, cache: Path) -> None:
    cache.mkdir()
    (cache / "tiny.pt").write_bytes(b"something else")
    assert fetch(model_at(site)).fresh
    assert (cache / "tiny.pt").read_bytes() == CONTENT


def test_a_broken_connection_goes_on_from_there(site: Site, cache: Path) -> None:
    site.breaks = [100_000, 50_000]
    assert fetch(model_at(site)).path.read_bytes() == CONTENT
    assert [wanted for _, wanted in site.requests] == ["", "bytes=100000-", "bytes=150000-"]


def test_one_that_breaks_every_time_keeps_what_came(site: Site, cache: Path) -> None:
    site.breaks = [10_000] * ATTEMPTS
    with pytest.raises(WeightsError, match=r"broke off .*run the same command again"):
        fetch(model_at(site))
    assert (cache / "tiny.pt.part").stat().st_size == 10_000 * ATTEMPTS
    assert not (cache / "tiny.pt").exists()
    fetch(model_at(site))
    assert site.requests[-1][1] == f"bytes={10_000 * ATTEMPTS}-"
    assert (cache / "tiny.pt").read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_starts_again(site: Site) -> None:
    site.breaks, site.ranges = [100_000], False
    assert fetch(model_at(site)).path.read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_a_beginning_of_another_file_is_thrown_away(site: Site, cache: Path) -> None:
    cache.mkdir()
    (cache / "tiny.pt.part").write_bytes(b"x" * 1000)
    assert fetch(model_at(site)).path.read_bytes() == CONTENT
    assert [wanted for _, wanted in site.requests] == ["bytes=1000-", ""]


@pytest.mark.parametrize("extra", [0, 7])
def test_a_part_that_is_whole_or_longer(site: Site, cache: Path, extra: int) -> None:
    cache.mkdir()
    (cache / "tiny.pt.part").write_bytes(CONTENT + b"x" * extra)
    assert fetch(model_at(site)).path.read_bytes() == CONTENT


def test_a_wrong_hash(site: Site, cache: Path) -> None:
    with pytest.raises(WeightsError, match=f"begins with {SHA256[:8]} where 00000000 is expected"):
        fetch(model_at(site, "0" * 64))
    assert not list(cache.glob("tiny.pt*[!k]"))  # all but the lock


def test_a_web_page_instead(site: Site, cache: Path) -> None:
    site.content = b"<html>log in first</html>"
    with pytest.raises(WeightsError, match="gave a web page"):
        fetch(model_at(site, ""), allow_unverified=True)
    assert not (cache / "tiny.pt").exists()


def test_404(site: Site) -> None:
    site.status = 404
    with pytest.raises(
        WeightsError, match=r"answers 404 Not Found.*SHUFFLECAM_MIRROR.*download http.*into .*cache"
    ):
        fetch(model_at(site))


def test_no_network() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        model = model_at(Site(b"", url=f"http://127.0.0.1:{taken.getsockname()[1]}"))
        with pytest.raises(
            WeightsError, match=r"could not be fetched .*on a machine with a network download"
        ) as caught:
            fetch(model)
    assert caught.value.exit_code == 4
    assert str(cache_dir()) in str(caught.value)
    assert "as tiny.pt" in str(caught.value)


def test_a_silent_server_is_given_up(site: Site) -> None:
    site.hang = threading.Event()
    with pytest.raises(WeightsError, match=r"timed out|broke off"):
        fetch(model_at(site), limits=Limits(timeout_s=0.05))


def test_a_server_that_only_drips_is_given_up(tmp_path: Path) -> None:
    with serve(Site(CONTENT[:200], length=False)) as site:
        # A time-out of nothing: the first look at the rate comes after the first bytes, far below 1 KB/s
        # only when the clock says that long has passed; so let it pass.
        clock = iter([0.0, 60.0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shufflecam.models.http.time.monotonic", lambda: next(clock))
            with pytest.raises(BrokeOff, match="only 3 bytes a second"):
                download(site.url, tmp_path / "part", lambda done, total: None, Limits())


@pytest.mark.parametrize("length", [True, False])
def test_too_large(site: Site, cache: Path, length: bool) -> None:
    site.length = length
    with pytest.raises(WeightsError, match="gives more than 1000 bytes"):
        fetch(model_at(site), limits=Limits(max_bytes=1000))
    assert not list(cache.glob("*.pt*[!k]"))


def test_a_redirect_to_the_same_scheme(site: Site) -> None:
    with serve(Site(b"", redirect=f"{site.url}/other/tiny.pt")) as front:
        assert fetch(model_at(front)).path.read_bytes() == CONTENT
    assert site.requests[-1][0] == "/other/tiny.pt"


@pytest.mark.parametrize("place", ["ftp://127.0.0.1/tiny.pt", "file:///etc/passwd", "data:,weights"])
def test_a_redirect_to_another_scheme_is_refused(place: str, cache: Path) -> None:
    with (
        serve(Site(b"", redirect=place)) as site,
        pytest.raises(WeightsError, match=r"redirects from http to .*refused"),
    ):
        fetch(model_at(site))
    assert not (cache / "tiny.pt").exists()


def test_which_redirects_are_safe() -> None:
    check_redirect("https://a/x", "https://b/x")
    check_redirect("http://a/x", "http://b/x")
    check_redirect("http://a/x", "https://b/x")
    for after in ("http://b/x", "file:///x", "ftp://b/x"):
        with pytest.raises(WeightsError, match="from https to"):
            check_redirect("https://a/x", after)


def test_redirects_in_a_circle_end(site: Site) -> None:
    site.redirect = f"{site.url}/files/tiny.pt"
    with pytest.raises(WeightsError, match="could not be fetched"):
        fetch(model_at(site))


def test_a_mirror(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    model = dataclasses.replace(model_at(site), url="https://nobody.invalid/a/tiny.pt")
    monkeypatch.setenv("SHUFFLECAM_MIRROR", f"{site.url}/copies/")
    assert fetch(model).verified
    assert site.requests == [("/copies/a/tiny.pt", "")]


@pytest.mark.parametrize("mirror", ["ftp://a/b", "file:///a", "example.org", "https://"])
def test_a_mirror_that_is_none(site: Site, monkeypatch: pytest.MonkeyPatch, mirror: str) -> None:
    monkeypatch.setenv("SHUFFLECAM_MIRROR", mirror)
    with pytest.raises(UsageError, match="SHUFFLECAM_MIRROR must be"):
        address(model_at(site))


def test_without_a_known_hash_only_on_request(site: Site) -> None:
    model = model_at(site, "")
    with pytest.raises(WeightsError, match="--allow-unverified"):
        fetch(model)
    assert not site.requests
    fetched = fetch(model, allow_unverified=True)
    assert (fetched.sha256, fetched.verified) == (SHA256, False)
    assert fetch(model).path == fetched.path  # once it is here nobody asks again


def test_without_a_known_hash_nothing_is_pieced_together(site: Site, cache: Path) -> None:
    cache.mkdir()
    (cache / "tiny.pt.part").write_bytes(CONTENT[:1000])
    fetch(model_at(site, ""), allow_unverified=True)
    assert [wanted for _, wanted in site.requests] == [""]


def test_a_cache_that_cannot_be_written(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("SHUFFLECAM_CACHE", str(tmp_path / "taken"))
    with pytest.raises(OutputError, match="set SHUFFLECAM_CACHE to another folder"):
        fetch(model_at(site))


def test_two_processes_fetch_it_once(site: Site, cache: Path) -> None:
    code = (
        "import sys\n"
        "from shufflecam.models.catalogue import PersonEntry\n"
        "from shufflecam.models.fetch import fetch\n"
        f"model = PersonEntry(name='tiny', architecture='', file='tiny.pt', url='{site.url}/tiny.pt',"
        f" sha256='{SHA256}', published='', licence='')\n"
        "sys.stdin.readline()\n"
        "print(fetch(model).fresh)\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].strip() for process in both]
    assert sorted(answers) == ["False", "True"]
    assert len(site.requests) == 1
    assert (cache / "tiny.pt").read_bytes() == CONTENT


def test_check_sha256(tmp_path: Path, site: Site) -> None:
    path = tmp_path / "tiny.pt"
    path.write_bytes(CONTENT)
    assert check_sha256(path, model_at(site)) == SHA256
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="is not the published tiny"):
        check_sha256(path, model_at(site))


def test_the_hashes_of_the_files_at_hand(shared_dir: Path) -> None:
    for name in ("yolov8n", "yolov8s"):
        assert len(check_sha256(shared_dir / "data" / "weights" / f"{name}.pt", entry(name))) == 64
