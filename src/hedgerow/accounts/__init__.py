"""Who may do what: projects with their tokens, and personal API keys."""

from hedgerow.accounts.credentials import MalformedCredential, check_key, check_token
from hedgerow.accounts.keys import (
    EVERYTHING,
    ApiKey,
    authenticate,
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

__all__ = [
    "EVERYTHING",
    "ApiKey",
    "MalformedCredential",
    "Project",
    "TokenTaken",
    "authenticate",
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
