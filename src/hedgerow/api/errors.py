"""Errors as the API answers them: one envelope ``{"type", "code", "detail", "attr"}``, as PostHog's clients expect it.

ApiError
|- NotAuthenticated   401, no key was sent
|- BadKey             401, the key is not known
|- Forbidden          403, the key lacks a scope
|- NotFound           404
|- MethodRefused      405
|- WrongType          415, the body says that it is something else than JSON, and is no JSON
`- Invalid            400, a field is wrong
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match

from hedgerow.destinations.errors import SecretsError, ValidationError
from hedgerow.store import StoreError

logger = logging.getLogger(__name__)


class Json(Response):
    """A JSON response, written by the fastest encoder at hand."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body."""
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


class ApiError(Exception):
    """An answer that is no success."""

    status = 500
    type = "server_error"
    code = "error"

    def __init__(self, detail: str, *, code: str | None = None, attr: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.attr = attr

    def response(self) -> Response:
        """The whole response."""
        return envelope(self.status, self.type, self.code, self.detail, self.attr)


class NotAuthenticated(ApiError):
    """Nobody said who is asking."""

    status, type, code = 401, "authentication_error", "not_authenticated"


class BadKey(ApiError):
    """The key that was sent opens nothing."""

    status, type, code = 401, "authentication_error", "authentication_failed"


class Forbidden(ApiError):
    """The key does not allow this."""

    status, type, code = 403, "authentication_error", "permission_denied"


class NotFound(ApiError):
    """There is no such thing, or it belongs to somebody else."""

    status, type, code = 404, "invalid_request", "not_found"

    def __init__(self, detail: str = "Not found.") -> None:
        super().__init__(detail)


class MethodRefused(ApiError):
    """The thing exists, but this cannot be done to it."""

    status, type, code = 405, "invalid_request", "method_not_allowed"


class WrongType(ApiError):
    """The body is of a kind that is not read here."""

    status, type, code = 415, "invalid_request", "unsupported_media_type"


class Invalid(ApiError):
    """Something in the request is wrong; ``attr`` names it."""

    status, type, code = 400, "validation_error", "invalid_input"


def envelope(
    status: int,
    kind: str,
    code: str,
    detail: str,
    attr: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error response."""
    body = {"type": kind, "code": code, "detail": detail, "attr": attr}
    told = {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return Json(body, status, {**told, **(headers or {})})


def install(app: FastAPI) -> None:
    """Answer every error of the application in the envelope."""
    app.add_exception_handler(ApiError, _ours)
    app.add_exception_handler(ValidationError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(OverflowError, _overflow)
    app.add_exception_handler(HTTPException, _routing)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(SecretsError, _secrets)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    answer = error.response()
    if isinstance(error, MethodRefused):
        answer.headers["allow"] = ", ".join(one for one in allowed_methods(request) if one != request.method)
    return answer


def allowed_methods(request: Request) -> list[str]:
    """What can be done at a path, by the routes of the application."""
    routers: Sequence[APIRouter] = request.app.state.routers
    found = {
        method
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return sorted(found)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    place = {name: value for name in ("line", "column") if (value := getattr(error, name)) is not None}
    return Json({**error.as_dict(), **place}, 400)


async def _malformed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["loc"][0] == "path":  # a text where a number stands names nothing
        return NotFound().response()
    attr = "__".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
    return envelope(400, "validation_error", "invalid_input", f"{first['msg']}.", attr or None)


async def _overflow(request: Request, error: Exception) -> Response:
    """Whole numbers beyond 64 bits, and infinite ones, cannot be kept or looked for."""
    logger.warning("%s %s was refused: %s", request.method, request.url.path, error)
    return Invalid(
        "A number in the request is larger than any that is kept here.", code="max_value"
    ).response()


async def _routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = allowed_methods(request)
        detail = f'Method "{request.method}" not allowed: here is {" or ".join(allowed)}.'
        return envelope(
            405, MethodRefused.type, MethodRefused.code, detail, headers={"allow": ", ".join(allowed)}
        )
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFound(f"There is nothing at {request.url.path}.").response()
    return envelope(error.status_code, "invalid_request", "invalid", str(error.detail))


async def _store(_request: Request, error: Exception) -> Response:
    logger.error("the store failed: %s", error)
    return envelope(503, "server_error", "unavailable", str(error))


async def _secrets(_request: Request, error: Exception) -> Response:
    """A key is missing: the operator must act, and whoever asks can only be told so."""
    logger.error("secrets cannot be read: %s", error)
    return envelope(503, "server_error", "unavailable", str(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return envelope(
        500, "server_error", "error", "A server error occurred; the server's log has the details."
    )
