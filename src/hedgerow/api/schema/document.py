"""The OpenAPI document: routes as they are, described by what this package knows of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

import hedgerow
from hedgerow.api.access import GUARDS
from hedgerow.api.schema.operations import Answer, Noun, Operation, Query, nouns
from hedgerow.api.schema.shapes import Schema, Shape, Shapes, maybe, one_of, shown

ERROR = Shape(
    "Error",
    {
        "type": one_of(
            "validation_error", "authentication_error", "invalid_request", "throttled_error", "server_error",
            text="Whose turn it is: yours to mend a field, to send a key, to ask for something else, to wait, or ours.",
        ),
        "code": "invalid_input",
        "detail": "This field is required.",
        "attr": maybe("inputs__url"),
    },
    "Every error has this form. `attr` leads to the field: parts of the way are joined by two underscores.",
)  # fmt: skip

# Answers that any operation may give: name, type, code, detail, attr, and when.
COMMON: dict[int, tuple[str, str, str, str, str | None, str]] = {
    400: ("Invalid", "validation_error", "invalid_input", "This field is required.", "inputs__url", "Something in the request is wrong; `attr` names it."),
    401: ("NotAuthenticated", "authentication_error", "not_authenticated", "Authentication credentials were not provided.", None, "No key was sent, or one that nobody knows."),
    403: ("Forbidden", "authentication_error", "permission_denied", "API key missing required scope 'hog_function:read'.", None, "Who asks may not do this."),
    404: ("NotFound", "invalid_request", "not_found", "Not found.", None, "There is no such thing, or it belongs to another project."),
    405: ("MethodNotAllowed", "invalid_request", "method_not_allowed", 'Method "PUT" not allowed.', None, "The thing exists, but this cannot be done to it."),
    408: ("TimedOut", "invalid_request", "timeout", "The body did not arrive within 30 seconds.", None, "The body took too long to arrive."),
    413: ("TooLarge", "invalid_request", "too_large", "The body is larger than 4 MiB.", None, "The body is larger than any request needs to be."),
    415: ("WrongType", "invalid_request", "unsupported_media_type", "Send JSON, with the header Content-Type: application/json.", None, "The body is something else than JSON."),
    429: ("Throttled", "throttled_error", "throttled", "Request was throttled. Expected available in 10 seconds.", None, "Too many requests; `Retry-After` says when to come back."),
    503: ("Unavailable", "server_error", "unavailable", "The store is locked by another process for too long.", None, "Not now: the store is busy or full. Nothing was changed."),
}  # fmt: skip

# What stands in paths: an example and a word about it.
PLACES: dict[str, tuple[Any, str]] = {
    "project_id": ("1", "Number of the project, or `@current` for the one that is yours."),
    "organization_id": ("@current", "`@current`, or the id of the one organization there is."),
    "destination_id": ("0191f3c0-1d2e-7a00-8000-5f0c6a3b9d10", "Id of the destination."),
    "revision": ("3", "Number of the revision."),
    "delivery_id": ("0191f3c0-1d2e-8a00-8000-5f0c6a3b9d10", "Id of the delivery, which its receiver sees as `webhook-id`."),
    "template_id": ("template-webhook", "Id of the template."),
    "event_uuid": ("0191f3c0-1d2e-7b00-8000-5f0c6a3b9d10", "UUID of the event."),
    "person_id": ("0191f3c0-1d2e-7c00-8000-5f0c6a3b9d10", "UUID of the person."),
    "action_id": (3, "Number of the action."),
    "integration_id": (3, "Number of the account."),
    "alert_id": (3, "Number of the alert."),
    "incident_id": ("0191f3c0-1d2e-4a00-8000-5f0c6a3b9d10", "Id of the incident."),
    "cohort_id": (4, "Number of the cohort."),
    "user_id": ("4fd7a1de-5c0e-4c3b-9d5a-6a1c0b5d2f11", "UUID or email address of the user."),
    "session_id": (7, "Number of the session."),
    "invite_id": (4, "Number of the invitation."),
    "key_id": (3, "Number of the key."),
    "type_index": (0, "Number of the group type, 0 to 4."),
    "group_key": ("acme", "Key of the group."),
    "definition_id": ("0191f3c0-1d2e-8b00-8000-5f0c6a3b9d10", "Id of the definition."),
    "version": (3, "Number of the revision."),
    "run_id": ("0191f3c0-1d2e-7d00-8000-5f0c6a3b9d10", "Id of the re-run or replay."),
}  # fmt: skip

ABOUT = """
Events come in through the PostHog SDKs; this is how you say where they go, and how you see what became of each.

Every request names its project in the path and its key in the header: `Authorization: Bearer phx_...`. Paths work with and without
the slash at their end, and under `/api/environments/` too. Times are ISO-8601 in UTC. Lists come in pages: follow `next`
until it is null. Errors all have one form, shown as `Error`.
"""
SECURITY: Schema = {
    "personal_api_key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "phx_...",
        "description": "A personal API key. `hedgerow serve` prints the first one; its scopes say what it may do.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "hedgerow_session",
        "description": "Of somebody logged in at a browser (by https `__Host-hedgerow_session`). Whatever changes something also "
        "needs the value of the cookie `hedgerow_csrftoken` in the header `X-CSRFToken`.",
    },
    "key_in_query": {
        "type": "apiKey",
        "in": "query",
        "name": "personal_api_key",
        "description": "The same key, where no header can be set. Addresses end up in logs: prefer the header.",
    },
}


def build(routers: Iterable[APIRouter]) -> Schema:
    """The document.

    Args:
        routers: whose routes are described; those that nobody wrote an entry for are shown bare.
    """
    shapes, known = Shapes(), nouns()
    entries = {(item.method, item.path): (noun, item) for noun in known for item in noun.operations}
    paths: dict[str, Schema] = {}
    for method, route in operations(routers):
        noun, entry = entries.get((method, plain_path(route)), (None, None))
        described = _operation(shapes, route, noun, entry)
        paths.setdefault(plain_path(route) + "/", {})[method.lower()] = described
    errors = {COMMON[status][0]: _error(shapes, status) for status in COMMON}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hedgerow",
            "version": hedgerow.__version__,
            "description": ABOUT.strip(),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"personal_api_key": []}, {"session": []}, {"key_in_query": []}],
        "tags": [{"name": noun.tag.name, "description": noun.tag.text} for noun in known],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(shapes.found.items())),
            "responses": errors,
            "securitySchemes": SECURITY,
        },
    }


def operations(routers: Iterable[APIRouter]) -> Iterator[tuple[str, APIRoute]]:
    """Every operation that belongs into the document, in the order of the routers."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                for method in sorted(route.methods or ()):
                    yield method, route


def plain_path(route: APIRoute) -> str:
    """A route's path without the kinds of its parameters."""
    return route.path.replace(":path}", "}")


def _operation(shapes: Shapes, route: APIRoute, noun: Noun | None, entry: Operation | None) -> Schema:
    words = inspect.cleandoc(route.endpoint.__doc__ or "")
    entry = entry or Operation("", route.name)
    parameters = [_place(name) for name in _names(route.path)]
    parameters += [_parameter(shapes, query, "query") for query in entry.query]
    parameters += [_parameter(shapes, query, "header") for query in entry.headers]
    return {
        "operationId": entry.id,
        "tags": [noun.tag.name] if noun else [],
        "summary": summary(words),
        "description": words,
        **({"security": []} if entry.anonymous else {}),
        **needed(route),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _body(shapes, entry)} if entry.body is not None else {}),
        "responses": _responses(shapes, route, entry),
    }


def summary(words: str) -> str:
    """The first sentence, as a title."""
    first = " ".join(words.partition("\n\n")[0].split())
    for end in (". ", ": ", "; "):
        first = first.partition(end)[0]
    return first.rstrip(".")


def needed(route: APIRoute) -> Schema:
    """The scope that a key needs for a route, and the role that the person behind it needs in the project."""
    found = (GUARDS.get(item.call) for item in route.dependant.dependencies if item.call)
    guard = next(filter(None, found), None)
    if guard is None:
        return {}
    return {"x-required-scope": guard.scope} | ({"x-required-role": guard.role.word} if guard.role else {})


def _names(path: str) -> list[str]:
    return [part.partition("}")[0].partition(":")[0] for part in path.split("{")[1:]]


def _place(name: str) -> Schema:
    example, text = PLACES.get(name, ("1", ""))
    found = {"name": name, "in": "path", "required": True, "description": text}
    kind = "integer" if isinstance(example, int) else "string"
    return {**found, "schema": {"type": kind}, "example": example}


def _parameter(shapes: Shapes, query: Query, where: str) -> Schema:
    return {
        "name": query.name,
        "in": where,
        "required": query.required,
        "description": query.text,
        "schema": shapes.schema(query.example),
        "example": shown(query.example),
    }


def _body(shapes: Shapes, entry: Operation) -> Schema:
    content = {"schema": shapes.schema(entry.body, request=True), "example": shown(entry.body)}
    return {"required": True, "content": {entry.media: content}}


def _responses(shapes: Shapes, route: APIRoute, entry: Operation) -> Schema:
    own = {str(status): _answer(shapes, answer) for status, answer in entry.answers().items()}
    common = {
        str(status): {"$ref": f"#/components/responses/{COMMON[status][0]}"}
        for status in _possible(route, entry)
    }
    return {**dict(sorted(own.items())), **{key: value for key, value in common.items() if key not in own}}


def _possible(route: APIRoute, entry: Operation) -> Sequence[int]:
    """The errors that an operation may answer with, whoever wrote it."""
    place = {404} if "{" in route.path else set()
    who = set() if entry.anonymous else {401, 403}
    body = {408, 413, 415} if entry.body is not None else {408, 413}
    return sorted({400, 429, 503} | place | who | body)


def _answer(shapes: Shapes, answer: Answer) -> Schema:
    headers = {
        name: {"schema": {"type": "string"}, "example": value} for name, value in answer.headers.items()
    }
    found: Schema = {"description": answer.text, **({"headers": headers} if headers else {})}
    if answer.example is None:
        return found
    content = {"schema": shapes.schema(answer.example), "example": shown(answer.example)}
    return {**found, "content": {answer.media: content}}


def _error(shapes: Shapes, status: int) -> Schema:
    _, kind, code, detail, attr, text = COMMON[status]
    example = {"type": kind, "code": code, "detail": detail, "attr": attr}
    headers = (
        {"Retry-After": {"schema": {"type": "string"}, "example": "10"}}
        if status == HTTPStatus.TOO_MANY_REQUESTS
        else {}
    )
    content = {"application/json": {"schema": shapes.schema(ERROR), "example": example}}
    return {"description": text, **({"headers": headers} if headers else {}), "content": content}
