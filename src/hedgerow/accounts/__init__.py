"""Who may do what: users, their roles, sessions and keys; projects with their tokens; the audit log."""

from hedgerow.accounts.actors import Actor
from hedgerow.accounts.credentials import MalformedCredential, check_key, check_token
from hedgerow.accounts.keys import (
    ApiKey,
    create_key,
    delete_key,
    list_keys,
    touch,
    verify,
)
from hedgerow.accounts.projects import (
    Project,
    TokenTaken,
    change_settings,
    create_project,
    first_project,
    get_project,
    list_projects,
    project_by_token,
)
from hedgerow.accounts.roles import EVERYTHING, Role
from hedgerow.accounts.users import User

__all__ = [
    "EVERYTHING",
    "Actor",
    "ApiKey",
    "MalformedCredential",
    "Project",
    "Role",
    "TokenTaken",
    "User",
    "change_settings",
    "check_key",
    "check_token",
    "create_key",
    "create_project",
    "delete_key",
    "first_project",
    "get_project",
    "list_keys",
    "list_projects",
    "project_by_token",
    "touch",
    "verify",
]
