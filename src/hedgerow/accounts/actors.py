"""Who is asking: a person at a browser, somebody's key, the operator's key, or the server itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hedgerow.accounts import keys, sessions
from hedgerow.accounts.keys import ApiKey
from hedgerow.accounts.roles import Role
from hedgerow.accounts.sessions import Session
from hedgerow.accounts.users import User, get_user
from hedgerow.people.projects import list_projects
from hedgerow.store import Connection, Database

_ROLES = "SELECT project_id, role FROM members WHERE user_id = ?"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever does something, as of now: roles are read with each request.

    Attributes:
        label: how lists and logs name them.
        user: None for a key of the operator and for the server.
        key: the key they used, if any.
        session: their session, if they used one.
        roles: what they are where, by project; owners of the instance need none.
        address: where the request came from.
        via: ``key``, ``session``, ``link`` or ``system``.
    """

    label: str
    user: User | None = None
    key: ApiKey | None = None
    session: Session | None = None
    roles: Mapping[int, Role] = field(default_factory=dict)
    address: str = ""
    via: str = "system"

    @property
    def is_owner(self) -> bool:
        """Whether they own the instance. A key without a user was made by whoever holds the data folder."""
        return self.user is None or self.user.is_owner

    def allows(self, scope: str) -> bool:
        """Whether what they came with reaches that far; a session is not limited."""
        return self.key is None or self.key.allows(scope)

    def role_in(self, project_id: int) -> Role | None:
        """What they are in a project; None when it is none of their business."""
        if self.key is not None and not self.key.reaches(project_id):
            return None
        return Role.OWNER if self.is_owner else self.roles.get(project_id)

    @property
    def user_id(self) -> int | None:
        """The user's id, if there is a user."""
        return self.user.id if self.user else None


async def by_key(database: Database, text: str, *, now: int, address: str) -> Actor | None:
    """Whose key this is; None when it is nobody's, or belongs to somebody who may not come in."""
    found = await database.read(lambda conn: _by_key(conn, text, address))
    if found is not None and found.key is not None and found.key.stale(now):
        key = found.key
        await database.write(lambda conn: keys.touch(conn, key.id, now), durable=False)
    return found


def _by_key(conn: Connection, text: str, address: str) -> Actor | None:
    key = keys.verify(conn, text)
    if key is None:
        return None
    if key.user_id is None:
        return Actor(key.label, key=key, address=address, via="key")
    user = get_user(conn, key.user_id)
    if user is None or not user.is_active:
        return None
    return Actor(user.email, user, key, None, roles_of(conn, user.id), address, "key")


async def by_session(database: Database, token: str, *, now: int, address: str) -> Actor | None:
    """Whose session this is; None when it is over, or its user may no longer come in."""
    found = await database.read(lambda conn: _by_session(conn, token, now, address))
    if found is not None and found.session is not None and found.session.stale(now):
        session = found.session
        await database.write(lambda conn: sessions.touch(conn, session.id, now), durable=False)
    return found


def _by_session(conn: Connection, token: str, now: int, address: str) -> Actor | None:
    session = sessions.find(conn, token, now)
    user = get_user(conn, session.user_id) if session else None
    if user is None or not user.is_active:
        return None
    return Actor(user.email, user, None, session, roles_of(conn, user.id), address, "session")


def roles_of(conn: Connection, user_id: int) -> dict[int, Role]:
    """What somebody is in which projects."""
    return {project_id: Role[role.upper()] for project_id, role in conn.execute(_ROLES, (user_id,))}


def visible_projects(conn: Connection, actor: Actor) -> list[int]:
    """The ids of the projects that somebody may see, oldest first."""
    return [project.id for project in list_projects(conn) if actor.role_in(project.id)]


def current_project(conn: Connection, actor: Actor) -> int | None:
    """What ``@current`` means to somebody: the project they chose, else the first they may see."""
    visible = visible_projects(conn, actor)
    chosen = actor.user.current_project if actor.user else None
    return chosen if chosen in visible else next(iter(visible), None)
