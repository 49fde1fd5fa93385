"""Speaking to a server: the commands use its HTTP API like anybody else."""

from __future__ import annotations

import http.client
import json
import shutil
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

import hedgerow
from hedgerow.cli.errors import CommandFailed
from hedgerow.settings import Settings, SettingsError, load

TIMEOUT_S = 30.0
KEY_FILE = "api.key"


class Refused(CommandFailed):
    """The server answered with an error.

    Attributes:
        code: HTTP status.
        body: the answer; ``attr`` names the field at fault.
    """

    def __init__(self, message: str, code: int, body: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.body = body


@dataclass(frozen=True, slots=True)
class Key:
    """An API key and where it was found, for error messages."""

    text: str
    source: str


class Client:
    """A server and a key to it."""

    def __init__(self, url: str, key: Key, project: str = "@current") -> None:
        self.url = url
        self._key = key
        self._project = project

    def get(self, path: str, **query: object) -> Any:
        """Read something of the project; parameters that are None or empty are left out."""
        given = {name: value for name, value in query.items() if value not in (None, "", ())}
        return self._call("GET", self._path(path) + (f"?{urlencode(given, doseq=True)}" if given else ""))

    def post(self, path: str, body: object, *, if_match: str | None = None) -> Any:
        """Make something; ``if_match`` is the ETag of what it was decided by."""
        return self._call("POST", self._path(path), body, if_match)

    def put(self, path: str, body: object) -> Any:
        """Put something in place of what is there."""
        return self._call("PUT", self._path(path), body)

    def patch(self, path: str, body: object) -> Any:
        """Change something."""
        return self._call("PATCH", self._path(path), body)

    def delete(self, path: str) -> Any:
        """Take something back; what the server says of it, None when it says nothing."""
        status, content = self._exchange("DELETE", self._path(path), None)
        return self._judge(status, content) if content or status >= HTTPStatus.BAD_REQUEST else None

    def save(self, path: str, out: BinaryIO) -> None:
        """Write an answer to a file piece by piece, however long it is.

        Raises:
            CommandFailed: the server refused, or broke off in the middle.
        """
        connection = _connect(self.url)
        try:
            target = urlsplit(self.url).path.rstrip("/") + self._path(path)
            connection.request("GET", target, None, self._headers())
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                self._judge(answer.status, answer.read())
            shutil.copyfileobj(answer, out)
        except (OSError, http.client.HTTPException) as error:
            raise CommandFailed(_unreachable(self.url, error)) from error
        finally:
            connection.close()

    def stream(self, path: str, **query: object) -> Iterator[tuple[str, Any]]:
        """Follow server-sent events until the server ends them: type (empty for plain messages) and body of each.

        Raises:
            CommandFailed: it could not be begun.
        """
        given = {name: value for name, value in query.items() if value not in (None, "", ())}
        connection = _connect(self.url)
        try:
            target = urlsplit(self.url).path.rstrip("/") + self._path(path) + f"?{urlencode(given)}"
            connection.request("GET", target, None, self._headers())
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                self._judge(answer.status, answer.read())
            yield from _messages(answer)
        except ConnectionRefusedError as error:
            raise CommandFailed(_unreachable(self.url, error)) from error
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def pages(self, path: str, **query: object) -> Iterator[Any]:
        """All items of a list, page by page."""
        answer = self.get(path, **query)
        while True:
            yield from answer["results"]
            if not answer.get("next"):
                return
            parts = urlsplit(answer["next"])
            answer = self._call("GET", f"{parts.path}?{parts.query}")

    def _path(self, path: str) -> str:
        """The whole path: below the project, unless it begins with a slash."""
        return path if path.startswith("/") else f"/api/projects/{self._project}/{path}"

    def _call(self, method: str, path: str, body: object = None, if_match: str | None = None) -> Any:
        return self._judge(*self._exchange(method, path, body, if_match))

    def _judge(self, status: int, content: bytes) -> Any:
        """What an answer says, if it is no error."""
        try:
            answer = json.loads(content)
        except ValueError:
            raise CommandFailed(
                f"{self.url} answered {status} with something that is no JSON. Is it a Hedgerow server?"
            ) from None
        if status == HTTPStatus.UNAUTHORIZED:
            raise Refused(
                f"The server at {self.url} does not know the API key {self._key.source}.", status, answer
            )
        if status >= HTTPStatus.BAD_REQUEST:
            raise Refused(_reason(answer), status, answer)
        return answer

    def _headers(self, if_match: str | None = None) -> dict[str, str]:
        return {
            **({"If-Match": if_match} if if_match else {}),
            "Authorization": f"Bearer {self._key.text}",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"hedgerow-cli/{hedgerow.__version__}",
        }

    def _exchange(
        self, method: str, path: str, body: object, if_match: str | None = None
    ) -> tuple[int, bytes]:
        connection = _connect(self.url)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(
                method, urlsplit(self.url).path.rstrip("/") + path, content, self._headers(if_match)
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise CommandFailed(_unreachable(self.url, error)) from error
        finally:
            connection.close()


def _messages(lines: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """Server-sent events from the lines of a body; comments are for the connection, not for us."""
    kind, data = "", b""
    for line in lines:
        name, _, value = line.rstrip(b"\r\n").partition(b": ")
        if name == b"event":
            kind = value.decode()
        elif name == b"data":
            data = value
        elif not name and data:
            yield kind, json.loads(data)
            kind, data = "", b""


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if not parts.hostname:
        raise CommandFailed(
            f"HEDGEROW_URL is {url!r}, which names no server. Write http://host:port.", status=2
        )
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT_S, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)


def _unreachable(url: str, error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"No server answers at {url}. Start one with 'hedgerow serve', or say where it is with HEDGEROW_URL or --url."
    if isinstance(error, TimeoutError):
        return f"The server at {url} did not answer within {TIMEOUT_S:g} seconds."
    return f"The server at {url} cannot be reached: {error}."


def _reason(body: Any) -> str:
    detail = body.get("detail") if isinstance(body, dict) else None
    attr = body.get("attr") if isinstance(body, dict) else None
    return f"{attr}: {detail}" if attr else str(detail or body)


def find_key(settings: Settings) -> Key:
    """The API key: from the environment, else from the data folder of this machine's server.

    Raises:
        CommandFailed: there is none.
    """
    fixed = settings.api_key.get_secret_value()
    if fixed:
        return Key(fixed, "in HEDGEROW_API_KEY")
    file = settings.data_dir / KEY_FILE
    try:
        return Key(file.read_text(encoding="ascii").strip(), f"in {file}")
    except PermissionError:
        raise CommandFailed(f"{file} belongs to another user. Set HEDGEROW_API_KEY instead.") from None
    except OSError:
        raise CommandFailed(
            f"No API key: HEDGEROW_API_KEY is not set and there is no {file}. "
            "Set it, or name the server's data folder with --data-dir."
        ) from None


def connect(url: str | None, data_dir: Path | None, project: str) -> Client:
    """A client for the server that the options and the environment name.

    Raises:
        CommandFailed: a setting is unusable or there is no key.
    """
    try:
        settings = load(url=url, data_dir=data_dir)
    except SettingsError as error:
        raise CommandFailed(str(error), status=2) from error
    return Client(settings.client_url, find_key(settings), project)
