"""Logging in and out.

A wrong address, a wrong password and an account that may not come in get the same answer after the same work: argon2 runs
for each. Every try is counted before it is made. What follows a right password happens in one transaction: the code is
used up, the former session of this browser ends, a new one begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from hedgerow.accounts import audit, sessions, throttle, totp, users
from hedgerow.accounts.actors import Actor, roles_of
from hedgerow.accounts.context import Context, Source
from hedgerow.accounts.users import BadField, User, plain_email
from hedgerow.store import Connection

_PASSWORD = "SELECT password FROM users WHERE email = ? AND is_active"  # noqa: S105 - a query


class WrongLogin(ValueError):
    """No active account has this address and password."""

    def __init__(self) -> None:
        super().__init__("Wrong email address or password.")


class CodeWanted(ValueError):
    """The password is right; a code of the second factor must come with it."""

    def __init__(self) -> None:
        super().__init__("Enter the code of your second factor as well.")


class WrongCode(ValueError):
    """The code is wrong, too old, or was used before."""

    def __init__(self) -> None:
        super().__init__("This code is wrong, or was used before.")


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has begun: its token for the cookie, how long it lasts, and whose it is."""

    token: str
    lasts_ms: int
    user: User


async def log_in(world: Context, email: str, password: str, code: str, source: Source) -> Opened:
    """Begin a session.

    Args:
        world: what is needed.
        email: as it was typed.
        password: as it was typed.
        code: of the second factor, or a recovery code; empty when none was asked for yet.
        source: where the request comes from.

    Raises:
        Throttled: this account, or somebody at this address, was tried too often.
        TooBusy: too many are logging in.
        WrongLogin: address or password are wrong.
        CodeWanted: the account has a second factor, and no code came.
        WrongCode: it is not right.
    """
    address = _plain(email)
    stored = await _counted(world, address, source)
    if not await world.passwords.verify(stored, password) or stored is None:
        raise WrongLogin
    fresh = await world.passwords.hash(password) if world.passwords.outdated(stored) else stored
    now = world.now()

    def work(conn: Connection) -> Opened:
        if _stored(conn, address) != stored:
            raise WrongLogin  # changed or switched off meanwhile
        user = _checked(conn, world, address, code, now)
        throttle.forget(conn, world.account_limit(address))
        throttle.give_back(conn, world.address_limit(source.address))
        conn.execute("UPDATE users SET password = ?, last_login_at = ? WHERE id = ?", (fresh, now, user.id))
        return opened(conn, world, user, source, now, "logged_in")

    return await world.database.write(work)


def _plain(email: str) -> str:
    """The address to look for; what cannot be one is looked for all the same, so that it takes as long."""
    try:
        return plain_email(email)
    except BadField:
        return email


async def _counted(world: Context, email: str, source: Source) -> str | None:
    """Count the try, and find what the password is compared with."""

    def work(conn: Connection) -> str | None:
        limits = (world.account_limit(email), world.address_limit(source.address))
        throttle.take(conn, limits, world.now())
        return _stored(conn, email)

    return await world.database.write(work, durable=False)


def _stored(conn: Connection, email: str) -> str | None:
    row = conn.execute(_PASSWORD, (email,)).fetchone()
    return None if row is None else str(row[0])


def _checked(conn: Connection, world: Context, email: str, code: str, now: int) -> User:
    """The user, once the second factor is satisfied as well."""
    user = users.by_email(conn, email)
    if user is None:
        raise WrongLogin
    if user.has_second_factor:
        if not code:
            raise CodeWanted
        check_code(conn, world, user, code, now)
    return user


def check_code(conn: Connection, world: Context, user: User, code: str, now: int) -> None:
    """Use up a code of the second factor, or a recovery code.

    Raises:
        WrongCode: it is neither.
    """
    if totp.accept(conn, world.keyring, user.id, code, now):
        return
    if not totp.use_recovery_code(conn, user.id, code):
        raise WrongCode


def opened(conn: Connection, world: Context, user: User, source: Source, now: int, activity: str) -> Opened:
    """Begin a session in place of the one that the browser had, and write down why."""
    sessions.end_token(conn, source.token)
    token = sessions.start(
        conn, user.id, now=now, lasts_ms=world.session_ms, address=source.address, agent=source.agent
    )
    actor = Actor(
        user.email,
        user,
        None,
        sessions.find(conn, token, now),
        roles_of(conn, user.id),
        source.address,
        "session",
    )
    audit.record(conn, actor, now, activity=activity, scope="User", item_id=user.uuid, item_name=user.email)
    return Opened(token, world.session_ms, user)


async def log_out(world: Context, actor: Actor) -> None:
    """End the session that somebody is asking with."""

    def work(conn: Connection) -> None:
        if actor.user is None or actor.session is None:
            return
        sessions.end(conn, actor.user.id, actor.session.id)
        audit.record(
            conn, actor, world.now(), activity="logged_out", scope="User", item_id=actor.user.uuid,
            item_name=actor.user.email,
        )  # fmt: skip

    await world.database.write(work)
