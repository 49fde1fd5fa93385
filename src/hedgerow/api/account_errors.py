"""What accounts refuse, as the API answers it."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from hedgerow.accounts.care import LastOwner
from hedgerow.accounts.links import DeadLink
from hedgerow.accounts.login import CodeWanted, WrongCode, WrongLogin
from hedgerow.accounts.passwords import TooBusy
from hedgerow.accounts.throttle import Throttled
from hedgerow.accounts.users import BadField
from hedgerow.api.errors import envelope

# Status, type, code and the field at fault.
ANSWERS: dict[type[Exception], tuple[int, str, str, str | None]] = {
    WrongLogin: (400, "validation_error", "invalid_credentials", None),
    CodeWanted: (401, "authentication_error", "2fa_required", None),
    WrongCode: (400, "validation_error", "2fa_invalid", "token"),
    DeadLink: (400, "validation_error", "invalid_token", "token"),
    LastOwner: (409, "invalid_request", "conflict", None),
}
BUSY_S = 1


def install(app: FastAPI) -> None:
    """Answer what accounts refuse in the envelope."""
    for kind in ANSWERS:
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(BadField, _bad_field)
    app.add_exception_handler(Throttled, _throttled)
    app.add_exception_handler(TooBusy, _busy)


async def _refused(_request: Request, error: Exception) -> Response:
    status, kind, code, attr = ANSWERS[type(error)]
    return envelope(status, kind, code, str(error), attr)


async def _bad_field(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BadField)
    return envelope(400, "validation_error", "invalid_input", str(error), error.name)


async def _throttled(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Throttled)
    response = envelope(429, "throttled_error", "throttled", str(error))
    response.headers["retry-after"] = str(error.seconds)
    return response


async def _busy(_request: Request, error: Exception) -> Response:
    response = envelope(503, "server_error", "unavailable", str(error))
    response.headers["retry-after"] = str(BUSY_S)
    return response
