"""What people do about their own account: password, second factor, keys; and what owners do about others'."""

from __future__ import annotations

from hedgerow.accounts import audit, links, sessions, throttle, totp, users
from hedgerow.accounts.actors import Actor
from hedgerow.accounts.context import Context, Source
from hedgerow.accounts.links import RESET, Link, Wanted
from hedgerow.accounts.login import Opened, WrongCode, opened
from hedgerow.accounts.passwords import check_password
from hedgerow.accounts.users import BadField, User
from hedgerow.store import Connection

_PASSWORD = "UPDATE users SET password = ? WHERE id = ?"  # noqa: S105 - a statement


class LastOwner(ValueError):
    """Without this one nobody could run the instance."""

    def __init__(self) -> None:
        super().__init__("This is the last owner of the instance. Make somebody else an owner first.")


# ------------------------------------------------------------------ password


async def prove(world: Context, user: User, password: object, source: Source) -> str:
    """See that it is really them: what changes how one comes in asks for the password again.

    Returns:
        The hash that it was compared with.

    Raises:
        BadField: it is wrong.
        Throttled: tried too often.
        TooBusy: too many passwords are waiting.
    """

    def work(conn: Connection) -> str:
        limits = (world.account_limit(user.email), world.address_limit(source.address))
        throttle.take(conn, limits, world.now())
        return str(conn.execute("SELECT password FROM users WHERE id = ?", (user.id,)).get)

    stored = await world.database.write(work, durable=False)
    if not isinstance(password, str) or not await world.passwords.verify(stored, password):
        raise BadField("current_password", "Your current password is another.")

    def right(conn: Connection) -> None:
        throttle.forget(conn, world.account_limit(user.email))
        throttle.give_back(conn, world.address_limit(source.address))

    await world.database.write(right, durable=False)
    return stored


async def change_password(world: Context, user: User, old: object, new: object, source: Source) -> Opened:
    """Choose another password. All sessions end; a new one begins for who asks.

    Raises:
        BadField: the old one is wrong or the new one too weak.
        Throttled: tried too often.
        TooBusy: too many passwords are waiting.
    """
    await prove(world, user, old, source)
    hashed = await world.passwords.hash(check_password(new, email=user.email))
    now = world.now()

    def work(conn: Connection) -> Opened:
        conn.execute(_PASSWORD, (hashed, user.id))
        sessions.end_all(conn, user.id)
        return opened(conn, world, user, source, now, "changed_password")

    return await world.database.write(work)


def reset_link(conn: Connection, world: Context, actor: Actor, user: User) -> tuple[str, Link]:
    """A link by which somebody chooses a new password; returns its token, and what is known of it."""
    now = world.now()
    wanted = Wanted(RESET, actor.label, user.email, user_id=user.id)
    token, link = links.make(conn, wanted, now=now, lasts_ms=world.link_ms)
    audit.record(
        conn, actor, now, activity="made_reset_link", scope="User", item_id=user.uuid, item_name=user.email
    )
    return token, link


async def reset_password(world: Context, token: str, password: object, source: Source) -> User:
    """Choose a new password by a link. All sessions end; the second factor stays as it is.

    Raises:
        DeadLink: the link opens nothing.
        BadField: the password is too weak.
        TooBusy: too many passwords are waiting.
    """
    link = await world.database.read(lambda conn: links.peek(conn, token, world.now()))
    hashed = await world.passwords.hash(check_password(password, email=link.email))
    now = world.now()

    def work(conn: Connection) -> User:
        used = links.use(conn, token, now, RESET)
        user = users.get_user(conn, used.user_id or 0)
        if user is None:
            raise links.DeadLink
        conn.execute(_PASSWORD, (hashed, user.id))
        sessions.end_all(conn, user.id)
        throttle.forget(conn, world.account_limit(user.email))
        actor = Actor(user.email, user, address=source.address, via="link")
        audit.record(
            conn, actor, now, activity="reset_password", scope="User", item_id=user.uuid, item_name=user.email
        )
        return user

    return await world.database.write(work)


# ------------------------------------------------------------- second factor


async def begin_second_factor(
    world: Context, user: User, password: object, source: Source
) -> tuple[str, str]:
    """A new secret for a phone: as an ``otpauth`` address and spelled. It has no effect until a code of it is shown.

    Raises:
        BadField: the password is wrong, or there is a second factor already.
        Throttled: tried too often.
        TooBusy: too many passwords are waiting.
    """
    await prove(world, user, password, source)

    def work(conn: Connection) -> bytes:
        found = users.get_user(conn, user.id)
        if found is None or found.has_second_factor:
            raise BadField("token", "There is a second factor already. Switch it off first.")
        return totp.begin(conn, world.keyring, user.id)

    secret = await world.database.write(work)
    return totp.uri(secret, user.email), totp.spelled(secret)


async def confirm_second_factor(world: Context, actor: Actor, user: User, code: str) -> list[str]:
    """Put the second factor in force by a first code. Other sessions, which began without it, end.

    Returns:
        The recovery codes, which cannot be read again.

    Raises:
        WrongCode: it is none of the new secret.
        Throttled: tried too often.
    """
    now, limit = world.now(), world.account_limit(f"second factor of {user.id}")
    await world.database.write(lambda conn: throttle.take(conn, [limit], now), durable=False)

    def work(conn: Connection) -> list[str]:
        found = users.get_user(conn, user.id)
        if found is None or found.has_second_factor:
            raise WrongCode
        if not totp.confirm(conn, world.keyring, user.id, code, now):
            raise WrongCode
        throttle.forget(conn, limit)
        sessions.end_all(conn, user.id, but=actor.session.id if actor.session else None)
        _told(conn, actor, user, now, "enabled_second_factor")
        return totp.new_recovery_codes(conn, user.id)

    return await world.database.write(work)


async def new_recovery_codes(
    world: Context, actor: Actor, user: User, password: object, source: Source
) -> list[str]:
    """Other recovery codes; those before them are void.

    Raises:
        BadField: the password is wrong, or there is no second factor.
        Throttled: tried too often.
        TooBusy: too many passwords are waiting.
    """
    await prove(world, user, password, source)

    def work(conn: Connection) -> list[str]:
        found = users.get_user(conn, user.id)
        if found is None or not found.has_second_factor:
            raise BadField("token", "There is no second factor to recover.")
        _told(conn, actor, user, world.now(), "renewed_recovery_codes")
        return totp.new_recovery_codes(conn, user.id)

    return await world.database.write(work)


async def disable_second_factor(
    world: Context, actor: Actor, user: User, password: object, source: Source
) -> None:
    """Do without the second factor from now on.

    Raises:
        BadField: the password is wrong.
        Throttled: tried too often.
        TooBusy: too many passwords are waiting.
    """
    await prove(world, user, password, source)
    await world.database.write(lambda conn: drop_second_factor(conn, actor, user, world.now()))


def drop_second_factor(conn: Connection, actor: Actor, user: User, now: int) -> None:
    """Take somebody's second factor away, theirs or another's."""
    totp.disable(conn, user.id)
    _told(conn, actor, user, now, "disabled_second_factor")


def _told(conn: Connection, actor: Actor, user: User, now: int, activity: str) -> None:
    audit.record(conn, actor, now, activity=activity, scope="User", item_id=user.uuid, item_name=user.email)


# ------------------------------------------------------------------- others


def change_user(conn: Connection, actor: Actor, user: User, changed: User, now: int) -> User:
    """Save what somebody is from now on.

    Raises:
        LastOwner: nobody would be left to run the instance.
        BadField: another has the email address.
    """
    losing = user.is_owner and user.is_active and not (changed.is_owner and changed.is_active)
    if losing and not users.owners_left(conn, user.id):
        raise LastOwner
    other = users.by_email(conn, changed.email)
    if other is not None and other.id != user.id:
        raise BadField("email", "There is already an account with this email address.")
    users.save_user(conn, changed)
    if not changed.is_active:
        sessions.end_all(conn, user.id)
    audit.record(
        conn, actor, now, activity="updated", scope="User", item_id=user.uuid, item_name=changed.email,
        before=users.shown(user), after=users.shown(changed),
    )  # fmt: skip
    return changed


def remove_user(conn: Connection, actor: Actor, user: User, now: int) -> None:
    """Delete somebody's account with their sessions and keys.

    Raises:
        LastOwner: nobody would be left to run the instance.
    """
    if user.is_owner and user.is_active and not users.owners_left(conn, user.id):
        raise LastOwner
    users.delete_user(conn, user.id)
    audit.record(
        conn, actor, now, activity="deleted", scope="User", item_id=user.uuid, item_name=user.email,
        before=users.shown(user),
    )  # fmt: skip
