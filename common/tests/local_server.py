"""A real web server on this machine that misbehaves as a test asks it to."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Looks the path up in the server's routes and notes every request."""

    server: Server

    def do_GET(self) -> None:  # noqa: N802 (the name that http.server calls)
        self.server.requests.append((self.path, self.headers.get("Range")))
        route = self.server.routes.get(self.path)
        if route is None:
            self.send_error(404)
        else:
            route(self)

    def log_message(self, *args: object) -> None:
        """Keep the test output clean."""

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Send status, headers (underscores become dashes) and as much body as given."""
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; use it as ``with Server() as server``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes: dict[str, Callable[[Handler], None]] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.reached = threading.Event()  # set by a stalling route when it stalls
        self.release = threading.Event()  # ends the stalling
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}).start()

    def __exit__(self, *args: object) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


def whole(body: bytes, ranges: bool = True) -> Callable[[Handler], None]:
    """Serve the body, or from the byte that a Range header asks for."""

    def route(handler: Handler) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
        if not (ranges and wanted):
            handler.answer(body)
            return
        start = int(wanted[1])
        if start >= len(body):
            handler.answer(b"", 416, Content_Range=f"bytes */{len(body)}")
            return
        span = f"bytes {start}-{len(body) - 1}/{len(body)}"
        handler.answer(body[start:], 206, Content_Range=span)

    return route


def cut_off(body: bytes, at: int, ranges: bool = True) -> Callable[[Handler], None]:
    """Promise the whole body but close after `at` bytes the first time; then serve it."""
    calls = []

    def route(handler: Handler) -> None:
        calls.append(1)
        if len(calls) == 1:
            handler.answer(body[:at], Content_Length=str(len(body)))
        else:
            whole(body, ranges)(handler)

    return route


def stalling(body: bytes, at: int) -> Callable[[Handler], None]:
    """Send `at` bytes, then nothing until the server's `release`; then the rest."""

    def route(handler: Handler) -> None:
        handler.answer(body[:at], Content_Length=str(len(body)))
        handler.server.reached.set()
        handler.server.release.wait()
        try:
            handler.wfile.write(body[at:])
        except OSError:
            pass  # the client has given up, as it should

    return route
