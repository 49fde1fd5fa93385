"""A server on loopback that answers like PostHog's API where an import reads: pages, limits on rate, faults in the middle.

``with PostHog() as posthog``: ``posthog.url``, ``posthog.key``; what is there are plain lists of what its API shows
(``functions``, ``actions``, ``cohorts``, ``persons`` by cohort, ``integrations``, ``groups``, ``project``). ``posthog.faults`` are answered first,
one each request: a status, with ``Retry-After`` where it is 429.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

KEY = "phx_import0123456789"
CREATED = "2025-11-03T09:12:44.512000Z"
WHO = {
    "id": 41,
    "uuid": "0191f3c0-0000-0000-0000-000000000041",
    "first_name": "Ada",
    "email": "ada@shop.example",
}
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def error(code: str, detail: str, kind: str = "invalid_request") -> dict[str, Any]:
    """PostHog's form of an error."""
    return {"type": kind, "code": code, "detail": detail, "attr": None}


class PostHog:
    """The server; its lists may be changed while it runs."""

    def __init__(self, *, page: int = 12, key: str = KEY) -> None:
        self.page = page
        self.key = key
        self.projects = [{"id": 2, "name": "Shop"}]
        self.project: dict[str, Any] = {
            "id": 2,
            "name": "Shop",
            "test_account_filters": [],
            "timezone": "UTC",
        }
        self.functions: list[dict[str, Any]] = []
        self.actions: list[dict[str, Any]] = []
        self.cohorts: list[dict[str, Any]] = []
        self.persons: dict[int, list[dict[str, Any]]] = {}
        self.integrations: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []
        self.forbidden: set[str] = set()
        self.faults: deque[int] = deque()
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    # ------------------------------------------------------------- answers

    def answer(self, target: str, key: str) -> tuple[int, Any]:
        """Status and body of a request."""
        self.asked.append(target)
        if self.faults and (status := self.faults.popleft()) != 200:
            return status, error(
                "throttled", "Request was throttled.", "throttled_error"
            ) if status == 429 else HTML
        if key != f"Bearer {self.key}":
            return 401, error("authentication_failed", "Personal API key found in request header is invalid.")
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        steps = [step for step in parts.path.split("/") if step][1:]
        if steps == ["projects"]:
            return self._listed(parts.path, self.projects, query)
        if steps[:1] != ["projects"] or steps[1] not in ("2", "@current"):
            return 404, error("not_found", "Not found.")
        return self._below(parts.path, steps[2:], query)

    def _below(self, path: str, steps: list[str], query: dict[str, str]) -> tuple[int, Any]:
        noun = steps[0] if steps else "project"
        if noun in self.forbidden:
            return 403, error(
                "permission_denied", f"API key missing required scope '{noun}:read'", "authentication_error"
            )
        match steps:
            case []:
                return 200, self.project
            case ["hog_functions"]:
                return self._functions(path, query)
            case ["hog_functions", identity]:
                found = [one for one in self.functions if one["id"] == identity]
                return (200, found[0]) if found else (404, error("not_found", "Not found."))
            case ["actions"] | ["cohorts"] | ["integrations"]:
                return self._listed(path, getattr(self, noun), query)
            case ["cohorts", identity, "persons"]:
                return self._listed(path, self.persons.get(int(identity), []), query)
            case ["groups_types"]:
                return 200, self.groups
        return 404, error("not_found", "Endpoint not found.")

    def _functions(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        types = query.get("type", "").split(",") if query.get("type") else None
        found = [one for one in self.functions if types is None or one["type"] in types]
        if query.get("full") != "true":
            found = [
                {k: v for k, v in one.items() if k not in ("inputs", "inputs_schema", "mappings", "masking")}
                for one in found
            ]
        return self._listed(path, [one for one in found if not one.get("deleted")], query)

    def _listed(self, path: str, items: list[Any], query: dict[str, str]) -> tuple[int, Any]:
        limit, offset = min(int(query.get("limit", 100)), self.page), int(query.get("offset", 0))
        more = {**query, "limit": limit, "offset": offset + limit}
        following = f"{self.url}{path}?{urlencode(more)}" if offset + limit < len(items) else None
        page = items[offset : offset + limit]
        return 200, {"count": len(items), "next": following, "previous": None, "results": page}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        posthog = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = posthog.answer(self.path, self.headers.get("authorization", ""))
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "0")
                self.send_header(
                    "Content-Type", "text/html" if isinstance(body, bytes) else "application/json"
                )
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


# ------------------------------------------------------------------ things


def field(key: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    """A field of a form, as PostHog shows it."""
    return {
        "key": key,
        "type": kind,
        "label": key.replace("_", " ").title(),
        "required": False,
        "secret": False,
        "hidden": False,
        **more,
    }


def events(*names: str, **more: Any) -> dict[str, Any]:
    """A filter by event names, as PostHog's editor writes it."""
    entries = [
        {"id": name, "name": name, "type": "events", "order": place} for place, name in enumerate(names)
    ]
    return {"source": "events", "events": entries, "actions": [], "filter_test_accounts": False,
            "bytecode": ["_H", 1, 32, "x", 32, "event", 1, 1, 11], **more}  # fmt: skip


class Functions:
    """Makes functions with ids of their own."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(
        self, name: str, template: str | None, code: str, schema: list[dict[str, Any]], inputs: dict[str, Any], *,
        untouched: bool = True, **more: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """A function in full; values of inputs are plain, ``...`` is a secret one."""
        self.count += 1
        shown = {
            key: {"secret": True} if value is ... else {"value": value, "bytecode": ["_H", 1, 32, "x"], "order": place, "templating": "hog"}
            for place, (key, value) in enumerate(inputs.items())
        }  # fmt: skip
        found = {
            "id": f"0193a000-0000-7000-8000-{self.count:012d}", "type": "destination", "name": name, "description": "",
            "created_at": CREATED, "created_by": WHO, "updated_at": CREATED, "enabled": True, "hog": code, "bytecode": ["_H", 1],
            "transpiled": None, "inputs_schema": schema, "inputs": shown, "filters": events("order paid"), "icon_url": None,
            "template": None, "masking": None, "mappings": None, "status": {"state": 1, "tokens": 10000}, "execution_order": None,
            "batch_export_id": None,
        }  # fmt: skip
        if template:
            found["template"] = {
                "id": template, "name": name, "type": "destination", "status": "stable", "code_language": "hog", "free": True,
                "code": code if untouched else f"{code}\n// as it is now", "inputs_schema": schema, "filters": None,
            }  # fmt: skip
        return {**found, **more}
