"""The destination templates that come with Hedgerow: found by looking, never listed by hand.

Each template is a folder of ``hedgerow.templates``: ``template.yaml`` (what it is and its form), ``code.hog`` (its program)
and ``cases.yaml`` (examples that are tests). Adding one touches no Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import yaml

from hedgerow.destinations.errors import CatalogueError, ValidationError
from hedgerow.destinations.fetching import MOST_DECLARED, is_count
from hedgerow.destinations.schema import validate_schema

# The loader in C reads them in a tenth of the time; where PyYAML was built without it, the other one says the same.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

STATUSES: Final = ("alpha", "beta", "stable", "deprecated", "hidden")
_REQUIRED: Final = ("id", "name", "description", "status", "inputs_schema")
_OPTIONAL: Final = (
    *("type", "category", "icon_url", "filters", "masking", "mapping_templates", "free", "docs", "fetches"),
)


@dataclass(frozen=True, slots=True)
class Template:
    """A ready-made destination.

    Attributes:
        id: its name in the API, for example ``template-webhook``.
        code: the Hog program.
        inputs_schema: its form.
        mapping_templates: None, or ready-made mappings.
        fetches: HTTP calls that one run may make, where that is more than usual.
        folder: where its files are.
    """

    id: str
    name: str
    description: str
    status: str
    code: str
    inputs_schema: list[dict[str, Any]]
    type: str = "destination"
    category: list[str] = field(default_factory=list)
    icon_url: str | None = None
    filters: dict[str, Any] | None = None
    masking: dict[str, Any] | None = None
    mapping_templates: list[dict[str, Any]] | None = None
    free: bool = True
    docs: str = ""
    fetches: int | None = None
    folder: Traversable = field(default_factory=Path, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """The template as PostHog's API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "type": self.type,
            "status": self.status,
            "category": self.category,
            "free": self.free,
            "icon_url": self.icon_url,
            "code": self.code,
            "code_language": "hog",
            "inputs_schema": self.inputs_schema,
            "filters": self.filters,
            "masking": self.masking,
            "mapping_templates": self.mapping_templates,
        }

    def cases(self) -> list[dict[str, Any]]:
        """Its examples, as ``cases.yaml`` has them.

        Raises:
            CatalogueError: there is no such file, or it is no list.
        """
        cases = _read_yaml(self.folder / "cases.yaml")
        if not isinstance(cases, list) or not cases:
            raise CatalogueError(f"{self.id}: cases.yaml should be a list of at least one case.")
        return cases


class Catalogue(Mapping[str, Template]):
    """Templates by id."""

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = dict(sorted(templates.items(), key=lambda item: (item[1].name.lower(), item[0])))

    def __getitem__(self, key: str) -> Template:
        return self._templates[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._templates)

    def __len__(self) -> int:
        return len(self._templates)

    @classmethod
    def read(cls, root: Traversable) -> Catalogue:
        """Read every template folder under ``root``.

        Raises:
            CatalogueError: a folder is incomplete, names a field wrongly, or two claim the same id.
        """
        found: dict[str, Template] = {}
        for folder in root.iterdir():
            if folder.is_dir() and (folder / "template.yaml").is_file():
                template = read_template(folder)
                if template.id in found:
                    raise CatalogueError(f"Two template folders claim the id {template.id!r}.")
                found[template.id] = template
        return cls(found)

    def listed(self, types: frozenset[str] = frozenset({"destination"})) -> list[Template]:
        """Those that people may choose from: neither hidden nor deprecated, of these types."""
        return [
            item
            for item in self.values()
            if item.type in types and item.status not in ("hidden", "deprecated")
        ]


@cache
def builtin() -> Catalogue:
    """The templates inside this package, read once."""
    return Catalogue.read(files("hedgerow.templates"))


def _read_yaml(path: Traversable) -> Any:
    try:
        return yaml.load(path.read_text("utf-8"), Loader=_LOADER)  # noqa: S506 (it is a safe one)
    except FileNotFoundError as error:
        raise CatalogueError(f"{path} is missing.") from error
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path} is not valid YAML: {error}") from error


def read_template(folder: Traversable) -> Template:
    """The template of a folder.

    Raises:
        CatalogueError: the folder is incomplete, or names a field wrongly.
    """
    raw = _read_yaml(folder / "template.yaml")
    if not isinstance(raw, dict):
        raise CatalogueError(f"{folder.name}: template.yaml should be a mapping.")
    missing = [name for name in _REQUIRED if raw.get(name) is None]
    strange = sorted(set(raw) - set(_REQUIRED) - set(_OPTIONAL))
    if missing or strange:
        faults = [
            *(f"lacks {name}" for name in missing),
            *(f"has an unknown field {name}" for name in strange),
        ]
        raise CatalogueError(f"{folder.name}: template.yaml {', '.join(faults)}.")
    if raw["status"] not in STATUSES:
        raise CatalogueError(f"{folder.name}: status is one of {', '.join(STATUSES)}.")
    if raw.get("fetches") is not None and not is_count(raw["fetches"], MOST_DECLARED):
        raise CatalogueError(f"{folder.name}: fetches is a whole number from 1 to {MOST_DECLARED}.")
    try:
        schema = validate_schema(raw["inputs_schema"])
        code = (folder / "code.hog").read_text("utf-8")
    except ValidationError as error:
        raise CatalogueError(f"{folder.name}: {error}") from error
    except FileNotFoundError as error:
        raise CatalogueError(f"{folder.name}: code.hog is missing.") from error
    return Template(**{**raw, "inputs_schema": schema, "code": code, "folder": folder})
