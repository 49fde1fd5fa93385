"""Users and members, as the API shows them: the field names are PostHog's where it has the same thing."""

from __future__ import annotations

from typing import Any

from hedgerow.accounts.links import Link
from hedgerow.accounts.members import Member
from hedgerow.accounts.roles import Role
from hedgerow.accounts.users import User
from hedgerow.api.times import iso


def user_summary(user: User) -> dict[str, Any]:
    """Somebody, as part of something else."""
    return {
        "id": user.id,
        "uuid": str(user.uuid),
        "distinct_id": str(user.uuid),
        "first_name": user.name,
        "last_name": "",
        "email": user.email,
        "is_email_verified": None,
        "hedgehog_config": None,
        "role_at_organization": None,
    }


def user_details(user: User) -> dict[str, Any]:
    """Somebody in full."""
    return {
        **user_summary(user),
        "is_owner": user.is_owner,
        "is_active": user.is_active,
        "is_2fa_enabled": user.has_second_factor,
        "date_joined": iso(user.created_at),
        "last_login": None if user.last_login_at is None else iso(user.last_login_at),
    }


def member(item: Member) -> dict[str, Any]:
    """Somebody in a project."""
    return {
        "id": str(item.user.uuid),
        "user": user_summary(item.user),
        **role(item.role),
        "joined_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "is_2fa_enabled": item.user.has_second_factor,
        "last_login": None if item.user.last_login_at is None else iso(item.user.last_login_at),
    }


def role(item: Role | None) -> dict[str, Any]:
    """What somebody is: in a word, and as PostHog's number."""
    return {"role": item.word if item else None, "level": int(item) if item else None}


def invitation(item: Link, now: int) -> dict[str, Any]:
    """An invitation that was not used yet; its link is shown once, when it is made."""
    return {
        "id": item.id,
        "target_email": item.email,
        **role(item.role),
        "is_owner": item.is_owner,
        "is_expired": item.expires_at <= now,
        "created_by": item.created_by,
        "created_at": iso(item.created_at),
        "expires_at": iso(item.expires_at),
    }
