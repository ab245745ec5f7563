"""The live page: an HTTP server on its own thread, for browsers and other programs.

::

    GET /             the page: picture, figures, joint angles
    GET /stream.mjpg  the picture with its skeletons, multipart JPEG
    GET /poses        the record, as server-sent events (with ?hud also what the page shows around it)

Built on uvicorn (HTTP) and starlette (routing, streaming): small, pure Python, widely maintained, and their
writes wait for the client, on which dropping frames for slow clients relies.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import threading
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shufflecam.core.errors import OutputError, UsageError
from shufflecam.core.reasons import reason
from shufflecam.live.web.broadcast import Broadcast
from shufflecam.live.web.connections import MOST_CONNECTIONS, LimitedProtocol
from shufflecam.live.web.guard import LOOPBACK_NAMES, Rules, refusal

LOOPBACK = "127.0.0.1"
MOST_STREAMS = 16
"""Simultaneous streams; a page has two. Further ones are rejected with status 503."""

_START_S, _STOP_S = 10.0, 2.0
_HEADERS = {
    # Responses must not be cached, framed, sniffed or fetched by pages of other sites.
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ASSETS = {"/": ("index.html", "text/html"), "/page.js": ("page.js", "text/javascript")}
_ASSETS["/page.css"] = ("page.css", "text/css")


class LiveServer:
    """Serves one run. `start` and `stop` are callable from any thread; stopping takes a moment at most."""

    def __init__(self, port: int, host: str | None = None) -> None:
        """Bind the port, so that a port in use is reported before any work.

        Args:
            port: 0 selects a free one.
            host: an address of this machine, or 0.0.0.0 for all of them; None: only this machine can
                connect. With a host a token is required, which `url` contains.

        Raises:
            OutputError: the port is in use, or may not be used.
            UsageError: `host` is not an address of this machine.
        """
        self._socket = _listen(host or LOOPBACK, port)
        self._host = host
        self.port: int = self._socket.getsockname()[1]
        self.token = None if host is None else secrets.token_urlsafe(18)
        self._streams = 0
        self._broadcast: Broadcast | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address to open, with the token; for 0.0.0.0 the one reachable from the network."""
        host = _reachable_address(self._host) if self._host else LOOPBACK
        query = "" if self.token is None else f"?token={self.token}"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/{query}"

    def start(self, broadcast: Broadcast) -> None:
        """Serve what `broadcast` publishes. Raises OutputError if the server does not start."""
        self._broadcast = broadcast
        config = uvicorn.Config(
            self._app(),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
            # One more than possible: uvicorn counts the requesting connection as well.
            limit_concurrency=MOST_CONNECTIONS + 1,
            loop="asyncio",
            http=LimitedProtocol,
            ws="none",
        )
        self._server = uvicorn.Server(config)
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._server, ready), name="shufflecam-serve", daemon=True
        )
        self._thread.start()
        if not ready.wait(_START_S):
            raise OutputError(f"The live page on port {self.port} does not start; leave --serve out.")

    def stop(self) -> None:
        """End every stream and the server. Idempotent, and allowed without `start`."""
        if self._broadcast is not None:
            self._broadcast.close()
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_S)
        self._socket.close()

    def _run(self, server: uvicorn.Server, ready: threading.Event) -> None:
        async def serve() -> None:
            assert self._broadcast is not None
            self._broadcast.attach()
            ready.set()
            await server.serve(sockets=[self._socket])

        asyncio.run(serve())

    def _app(self) -> Starlette:
        routes = [Route(path, self._asset, methods=["GET"]) for path in _ASSETS]
        routes.append(Route("/stream.mjpg", self._pictures, methods=["GET"]))
        routes.append(Route("/poses", self._poses, methods=["GET"]))
        app = Starlette(routes=routes, middleware=[Middleware(_Guard, rules=self._rules())])
        app.router.redirect_slashes = False  # "/page.css/" is not found, instead of leading to "/page.css"
        return app

    def _rules(self) -> Rules:
        if self._host is None:
            return Rules()
        name = socket.gethostname().lower()
        names = LOOPBACK_NAMES | {name, f"{name}.local", self._host.lower()}
        return Rules(self.token, frozenset(names), any_address=True)

    async def _asset(self, request: Request) -> Response:
        name, kind = _ASSETS[request.url.path]
        content = files("shufflecam.live.web").joinpath("page", name).read_text(encoding="utf-8")
        # The page's assets need the token as well.
        content = content.replace("%QUERY%", "" if self.token is None else f"?token={self.token}")
        return Response(content, media_type=kind)

    async def _pictures(self, request: Request) -> Response:
        assert self._broadcast is not None
        return self._stream(_multipart(self._broadcast), "multipart/x-mixed-replace; boundary=frame")

    async def _poses(self, request: Request) -> Response:
        assert self._broadcast is not None
        events = self._broadcast.events(hud="hud" in request.query_params)
        return self._stream(events, "text/event-stream")

    def _stream(self, content: AsyncIterator[Any], kind: str) -> Response:
        if self._streams >= MOST_STREAMS:
            return PlainTextResponse("Too many are watching; close another page.\n", 503)
        return StreamingResponse(self._counted(content), media_type=kind)

    async def _counted(self, content: AsyncIterator[Any]) -> AsyncIterator[Any]:
        self._streams += 1
        try:
            async for piece in content:
                yield piece
        finally:
            self._streams -= 1
            await content.aclose()  # type: ignore[attr-defined]


class _Guard:
    """ASGI middleware: checks `guard.refusal` first, and adds the security headers to every response."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        headers = {key.lower(): value for key, value in request.headers.items()}
        refused = refusal(request.method, headers, request.query_params.get("token"), self._rules)

        async def send_safely(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(key.encode(), value.encode()) for key, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        if refused is None:
            await self._app(scope, receive, send_safely)
            return
        more = {"Allow": "GET"} if refused.status == 405 else {}
        answer = PlainTextResponse(f"{refused.reason}\n", refused.status, more)
        await answer(scope, receive, send_safely)


async def _multipart(broadcast: Broadcast) -> AsyncIterator[bytes]:
    """Yield JPEGs as parts, each followed by its boundary: browsers display a part once they see its end."""
    with broadcast.watched():
        yield b"--frame\r\n"
        async for jpeg in broadcast.pictures():
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
            yield head + jpeg + b"\r\n--frame\r\n"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # create_server can reuse a port right after another program ended, but not while it is in use.
        return socket.create_server(address[:2], family=family, backlog=64)
    except socket.gaierror as error:
        raise UsageError(f"--host {host} is not an address: {reason(error)}.") from error
    except OverflowError as error:
        raise UsageError(f"--serve {port}: a port is a number from 0 to 65535.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OutputError(
                f"Port {port} is in use by another program; choose another one, such as --serve {port + 1}."
            ) from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(
                f"--host {host} is not an address of this machine; 0.0.0.0 means all of them."
            ) from error
        if error.errno == errno.EACCES:
            raise OutputError(f"Port {port} may not be used; choose one from 1024 on.") from error
        raise OutputError(f"Port {port} cannot be used: {reason(error)}.") from error


def _reachable_address(host: str) -> str:
    """Return `host`, or this machine's address on its network if `host` means all addresses."""
    if host not in ("0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: only the route is looked up
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
