"""A proxy between a client and the server that writes down what passes: what was sent, and what was answered."""

from __future__ import annotations

import gzip
import http.client
import http.server
import json
import threading
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def path(self) -> str:
        """The path without a slash at its end."""
        return urlsplit(self.target).path.rstrip("/")

    @property
    def json(self) -> Any:
        """What the client meant, unwrapped by other means than the server's."""
        body = self.body
        if body.startswith(b"data="):
            body = b64decode(parse_qs(body.decode())["data"][0])
        return json.loads(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)


class Tee:
    """Use as a context; ``url`` is what a client is given for the server's address."""

    def __init__(self, host: str, port: int) -> None:
        self.exchanges: list[Exchange] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler(host, port))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def at(self, *paths: str) -> list[Exchange]:
        """Requests with a body for some paths."""
        return [one for one in list(self.exchanges) if one.path in paths and one.body]

    def _handler(self, host: str, port: int) -> type[http.server.BaseHTTPRequestHandler]:
        exchanges = self.exchanges

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                connection = http.client.HTTPConnection(host, port, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                lower = {name.lower(): value for name, value in headers.items()}
                exchanges.append(Exchange(self.command, self.path, lower, body, answer.status))
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_OPTIONS = _pass  # noqa: N815 - the library's names

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler
