"""Persons, the distinct ids that stand for them, and groups."""

from hedgerow.people.display import display_name
from hedgerow.people.folding import fold, load
from hedgerow.people.identity import is_illegal, person_uuid
from hedgerow.people.model import Change, Folded, GroupState, IngestionWarning, PersonState
from hedgerow.people.projects import (
    DISPLAY_NAME_PROPERTIES,
    Project,
    get_project,
    list_projects,
    project_by_token,
)
from hedgerow.people.warnings import Recorded, list_warnings, record_warnings

__all__ = [
    "DISPLAY_NAME_PROPERTIES",
    "Change",
    "Folded",
    "GroupState",
    "IngestionWarning",
    "PersonState",
    "Project",
    "Recorded",
    "display_name",
    "fold",
    "get_project",
    "is_illegal",
    "list_projects",
    "list_warnings",
    "load",
    "person_uuid",
    "project_by_token",
    "record_warnings",
]
