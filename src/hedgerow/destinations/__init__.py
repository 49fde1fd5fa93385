"""What a destination is: its form and inputs, filters, mappings, secrets, revisions, and the catalogue of templates.

Saving: ``validate`` a payload, then ``create`` or ``update`` inside a transaction. Running: ``enabled`` and ``load``, then one
``CompiledDestination`` each; ``match`` and ``render`` per event.
"""

from __future__ import annotations

from hedgerow.destinations.catalogue import Catalogue, Template, builtin
from hedgerow.destinations.compiled import CompiledDestination
from hedgerow.destinations.errors import (
    CatalogueError,
    DestinationError,
    FilterError,
    InputError,
    SecretsError,
    ValidationError,
)
from hedgerow.destinations.filters import Condition
from hedgerow.destinations.globals import (
    FilterGlobals,
    build_globals,
    filter_globals,
    filter_globals_of,
    with_source,
)
from hedgerow.destinations.listing import Page, Wanted, list_destinations
from hedgerow.destinations.model import Author, Config, Destination, Secrets
from hedgerow.destinations.project import PathCleaning, Project
from hedgerow.destinations.repository import (
    config_version,
    create,
    enabled,
    get,
    load,
    status,
    touch,
    update,
)
from hedgerow.destinations.revisions import Revision, history
from hedgerow.destinations.secrets import Keyring
from hedgerow.destinations.validation import Existing, Valid, validate

__all__ = [
    "Author",
    "Catalogue",
    "CatalogueError",
    "CompiledDestination",
    "Condition",
    "Config",
    "Destination",
    "DestinationError",
    "Existing",
    "FilterError",
    "FilterGlobals",
    "InputError",
    "Keyring",
    "Page",
    "PathCleaning",
    "Project",
    "Revision",
    "Secrets",
    "SecretsError",
    "Template",
    "Valid",
    "ValidationError",
    "Wanted",
    "build_globals",
    "builtin",
    "config_version",
    "create",
    "enabled",
    "filter_globals",
    "filter_globals_of",
    "get",
    "history",
    "list_destinations",
    "load",
    "status",
    "touch",
    "update",
    "validate",
    "with_source",
]
