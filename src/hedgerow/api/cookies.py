"""The cookies of a browser's session, and what protects requests that carry them.

A browser sends its cookies with every request, also with those that another site makes it send. So a request that would
change something counts only with the token that our own pages read from a second cookie, and never when the browser
says that it comes from elsewhere.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request, Response

from hedgerow.accounts import sessions
from hedgerow.api.errors import Forbidden
from hedgerow.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_COOKIE = "hedgerow_csrftoken"
CSRF_HEADER = "x-csrftoken"
SESSION_COOKIE = "hedgerow_session"


def is_secure(settings: Settings) -> bool:
    """Whether people reach the server by https."""
    return settings.base_url.startswith("https://")


def session_cookie(settings: Settings) -> str:
    """The name of the session's cookie: by https one that no other host, path or plain connection can plant."""
    return f"__Host-{SESSION_COOKIE}" if is_secure(settings) else SESSION_COOKIE


def session_token(request: Request, settings: Settings) -> str:
    """The token of the session that the request claims; empty when it claims none."""
    return request.cookies.get(session_cookie(settings), "")


def give(response: Response, settings: Settings, token: str, lasts_s: int) -> None:
    """Hand a browser its session."""
    secure = is_secure(settings)
    response.set_cookie(
        session_cookie(settings),
        token,
        max_age=lasts_s,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    response.set_cookie(
        CSRF_COOKIE, sessions.csrf_token(token), max_age=lasts_s, path="/", secure=secure, samesite="strict"
    )


def take(response: Response, settings: Settings) -> None:
    """Take a browser's session back."""
    secure = is_secure(settings)
    response.delete_cookie(session_cookie(settings), path="/", secure=secure, httponly=True, samesite="lax")
    response.delete_cookie(CSRF_COOKIE, path="/", secure=secure, samesite="strict")


def check_origin(request: Request, settings: Settings) -> None:
    """Refuse what a browser sends on behalf of another site.

    Raises:
        Forbidden: it says so itself.
    """
    site = request.headers.get("sec-fetch-site", "")
    source = request.headers.get("origin") or request.headers.get("referer")
    if site == "cross-site" or (source is not None and not _own(source, request, settings)):
        raise Forbidden("CSRF Failed: the request comes from another site.")


def check_forgery(request: Request, settings: Settings, token: str) -> None:
    """Refuse a change that our own pages did not ask for.

    Raises:
        Forbidden: the origin is another, or the token is missing or wrong.
    """
    if request.method in SAFE:
        return
    check_origin(request, settings)
    if not sessions.is_csrf_token(token, request.headers.get(CSRF_HEADER, "")):
        raise Forbidden("CSRF Failed: CSRF token missing or incorrect.")


def _own(source: str, request: Request, settings: Settings) -> bool:
    """Whether an origin or address is ours: as the settings name us, or as the request itself does."""
    given, named = urlsplit(source), urlsplit(settings.base_url)
    if not given.netloc:
        return False
    public = (given.scheme, given.netloc.lower()) == (named.scheme, named.netloc.lower())
    return public or given.netloc.lower() == request.headers.get("host", "").lower()
