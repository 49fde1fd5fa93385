"""An API with people in it: owners, editors, viewers, their browsers and keys. Passwords cost little here."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from urllib.parse import unquote, urlsplit

import orjson

from hedgerow.accounts import Role, create_key, create_project
from hedgerow.accounts.members import set_role
from hedgerow.accounts.passwords import Passwords
from hedgerow.accounts.sessions import csrf_token, start
from hedgerow.accounts.users import by_email, create_user
from support.api import Application

PASSWORD = "correct horse battery"
CHEAP = Passwords(passes=1, memory_kib=8, lanes=1)
HASH = asyncio.run(CHEAP.hash(PASSWORD))
# Streams do not end by themselves: their beginning is enough.
PATIENCE_S = 0.1


@dataclass(frozen=True)
class Reply:
    """What the application sent back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self):
        """The body, decoded."""
        return orjson.loads(self.body)

    @property
    def cookies(self):
        """The cookies that it sets, with their attributes."""
        jar = SimpleCookie()
        for name, value in self.headers:
            if name == "set-cookie":
                jar.load(value)
        return jar

    def header(self, name):
        """One header's value, or None."""
        return next((value for key, value in self.headers if key == name), None)


async def exchange(app, method, target, body=None, headers=None, address="127.0.0.1"):
    """One request; an answer without end is cut off."""
    parts = urlsplit(target)
    content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    given = {"host": "testserver", "content-type": "application/json", **(headers or {})}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(parts.path), "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "root_path": "", "client": (address, 1), "server": ("testserver", 80),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    pending, started, body_parts = [{"type": "http.request", "body": content, "more_body": False}], [], []
    begun = asyncio.Event()

    async def receive():
        if not pending:
            await asyncio.Event().wait()
        return pending.pop()

    async def send(message):
        if message["type"] == "http.response.start":
            started.append(message)
            begun.set()
        else:
            body_parts.append(message.get("body", b""))

    task = asyncio.create_task(app(scope, receive, send))
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if started and ("content-length" not in {name.decode() for name, _ in started[0]["headers"]}):
        await asyncio.wait([task], timeout=PATIENCE_S)
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    named = [(name.decode(), value.decode()) for name, value in started[0]["headers"]]
    return Reply(started[0]["status"], named, b"".join(body_parts))


@dataclass
class Browser:
    """Somebody's browser: keeps cookies, and sends the token against forgery as our pages do."""

    house: House
    jar: dict[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"

    def call(self, method, path, body=None, *, forge=False, **headers):
        """A request; ``forge`` leaves the token out, as another site's would."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        if self.jar:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        if "hedgerow_csrftoken" in self.jar and not forge:
            sent.setdefault("x-csrftoken", self.jar["hedgerow_csrftoken"])
        reply = asyncio.run(exchange(self.house.app, method, path, body, sent, self.address))
        for name, morsel in reply.cookies.items():
            if morsel["max-age"] == "0":
                self.jar.pop(name, None)
            else:
                self.jar[name] = morsel.value
        return reply

    def log_in(self, email, password=PASSWORD, **more):
        """Log in by the API."""
        return self.call("POST", "/api/login/", {"email": email, "password": password, **more})


class House:
    """An API, two projects, and people."""

    def __init__(self, api, *, keep=None, **settings):
        """With ``keep`` another house over the same store, with other settings."""
        self.api, self.state = api, api.state
        services = replace(
            api.services, passwords=CHEAP, settings=api.services.settings.model_copy(update=settings)
        )
        self.services, self.app = services, Application(services)
        self.other = keep.other if keep else self._second_project()

    def _second_project(self):
        return self.state.write_now(
            lambda c: create_project(c, name="Other", now=self.now, token="phc_other_token")
        )

    @property
    def now(self):
        """The API's clock."""
        return self.api.now

    def pass_time(self, seconds):
        """Let time pass."""
        self.api.now += int(seconds * 1000)

    def user(self, email, role=None, project=1, *, is_owner=False):
        """An account, made without ceremony."""

        def work(conn):
            made = create_user(
                conn, email=email, name=email.partition("@")[0], password=HASH, is_owner=is_owner, now=self.now,
                identity=secrets.token_bytes(16),
            )  # fmt: skip
            if role:
                set_role(conn, project, made.id, Role.named(role), self.now)
            return made

        return self.state.write_now(work)

    def browser(self, email=None, *, address="127.0.0.1"):
        """A browser; with an email, one that is logged in."""
        made = Browser(self, address=address)
        if email:
            user = self.state.read_now(lambda c: by_email(c, email))
            token = self.state.write_now(
                lambda c: start(c, user.id, now=self.now, lasts_ms=10**9, address=address, agent="test")
            )
            made.jar = {"hedgerow_session": token, "hedgerow_csrftoken": csrf_token(token)}
        return made

    def key(self, email, *scopes, projects=None):
        """A key of somebody, or of the operator for None."""

        def work(conn):
            user = by_email(conn, email) if email else None
            return create_key(
                conn,
                label="test",
                scopes=scopes,
                now=self.now,
                user_id=user.id if user else None,
                projects=projects,
            )

        return self.state.write_now(work)

    def with_key(self, key, method, path, body=None):
        """A request with a key."""
        return asyncio.run(exchange(self.app, method, path, body, {"authorization": f"Bearer {key}"}))

    def audited(self):
        """What the audit log has: activity and scope, oldest first."""
        rows = self.state.read_now(lambda c: list(c.execute("SELECT activity, scope FROM audit ORDER BY id")))
        return [tuple(row) for row in rows]
