"""Coming in by a one-time link: the first owner, and whoever was invited."""

from __future__ import annotations

import secrets

from hedgerow.accounts import audit, links, members, users
from hedgerow.accounts.actors import Actor
from hedgerow.accounts.context import Context, Source
from hedgerow.accounts.links import FIRST_OWNER, INVITATION, DeadLink, Link, Wanted
from hedgerow.accounts.login import Opened, opened
from hedgerow.accounts.passwords import check_password
from hedgerow.accounts.roles import Role
from hedgerow.accounts.users import BadField, User, plain_email, plain_name
from hedgerow.store import Connection


def first_owner_link(conn: Connection, *, now: int, lasts_ms: int) -> str | None:
    """A link by which the first owner makes their account; None when somebody has one.

    Each is good instead of the one before.
    """
    if users.anybody(conn):
        return None
    return links.make(conn, Wanted(FIRST_OWNER, "system", is_owner=True), now=now, lasts_ms=lasts_ms)[0]


def invite(
    conn: Connection,
    world: Context,
    actor: Actor,
    project_id: int,
    email: object,
    role: Role,
    *,
    is_owner: bool,
) -> tuple[str, Link]:
    """Invite somebody into a project.

    Args:
        conn: inside a writing transaction.
        world: what is needed.
        actor: who does it.
        project_id: where to.
        email: whom; as it was typed.
        role: as what.
        is_owner: whether they will own the instance as well.

    Returns:
        The token of the link, which cannot be read again, and what is known of it.

    Raises:
        BadField: that is no address.
    """
    wanted = Wanted(INVITATION, actor.label, plain_email(email), project_id, role, is_owner)
    now = world.now()
    token, link = links.make(conn, wanted, now=now, lasts_ms=world.link_ms)
    audit.record(
        conn, actor, now, activity="created", scope="OrganizationInvite", item_id=link.id, item_name=link.email,
        project_id=project_id, after={"role": role.word, "is_owner": is_owner},
    )  # fmt: skip
    return token, link


async def join(
    world: Context, token: str, *, email: object, name: object, password: object, source: Source
) -> Opened:
    """Make an account by a link, and log in.

    Args:
        world: what is needed.
        token: the link's.
        email: of the first owner; whoever was invited is known by the address of the invitation.
        name: how they are called.
        password: theirs from now on.
        source: where the request comes from.

    Raises:
        DeadLink: the link opens nothing.
        BadField: a field cannot be used, or there is such an account: then its owner must log in first.
        TooBusy: too many passwords are waiting.
    """
    link = await world.database.read(lambda conn: links.peek(conn, token, world.now()))
    address = plain_email(email) if link.kind == FIRST_OWNER else link.email
    called, chosen = plain_name(name), check_password(password, email=address)
    taken = await world.database.read(lambda conn: users.by_email(conn, address) is not None)
    if link.kind == INVITATION and taken:
        raise BadField(
            "email", "There is an account with this address. Log in to it, then open the link again."
        )
    hashed = await world.passwords.hash(chosen)
    now = world.now()

    def work(conn: Connection) -> Opened:
        used = links.use(conn, token, now, FIRST_OWNER, INVITATION)
        if used.kind == FIRST_OWNER and users.anybody(conn):
            raise DeadLink
        user = users.create_user(
            conn, email=address, name=called, password=hashed, is_owner=used.is_owner, now=now,
            identity=secrets.token_bytes(16),
        )  # fmt: skip
        _enter(conn, user, used, source, now)
        return opened(conn, world, user, source, now, "logged_in")

    return await world.database.write(work)


async def join_as(world: Context, token: str, actor: Actor, source: Source) -> User:
    """Come into one more project with the account one has.

    Raises:
        DeadLink: the link opens nothing, or is for somebody else.
    """
    now = world.now()

    def work(conn: Connection) -> User:
        used = links.use(conn, token, now, INVITATION)
        user = users.get_user(conn, actor.user.id) if actor.user else None
        if user is None or user.email != used.email:
            raise DeadLink
        if used.is_owner and not user.is_owner:
            conn.execute("UPDATE users SET is_owner = 1 WHERE id = ?", (user.id,))
        _enter(conn, user, used, source, now)
        return user

    return await world.database.write(work)


def _enter(conn: Connection, user: User, link: Link, source: Source, now: int) -> None:
    """Make somebody what the link says; who is more already stays it."""
    actor = Actor(user.email, user, address=source.address, via="link")
    if link.project_id is not None and link.role is not None:
        was = members.get_member(conn, link.project_id, user.id)
        role = max(link.role, was.role) if was else link.role
        members.set_role(conn, link.project_id, user.id, role, now)
    audit.record(
        conn, actor, now, activity="joined", scope="User", item_id=user.uuid, item_name=user.email,
        project_id=link.project_id,
        after={"role": link.role.word if link.role else None, "is_owner": link.is_owner, "invited_by": link.created_by},
    )  # fmt: skip
