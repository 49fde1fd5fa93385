"""A destination as plain data, for a process that has neither the store nor the keys: all that its Hog needs to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hedgerow.destinations.compiled import CompiledDestination
from hedgerow.destinations.model import CONFIG_FIELDS, SECRET_MARK, Config, Destination, Inputs, Secrets
from hedgerow.destinations.project import PathCleaning, Project
from hedgerow.destinations.secrets import Keyring


@dataclass(slots=True)
class _Opened(Destination):
    """A destination whose secrets were opened elsewhere."""

    clear: Secrets = field(default_factory=Secrets)

    def secrets(self, keyring: Keyring) -> Secrets:  # noqa: ARG002 (it is open already)
        """What came with it."""
        return self.clear


def pack(compiled: CompiledDestination, *, secrets: bool) -> dict[str, Any]:
    """A destination as JSON knows it.

    Args:
        compiled: which.
        secrets: with its secret inputs, in clear. Its inputs cannot be rendered without them, its filters can be judged.

    Raises:
        SecretsError: they cannot be read with the keys at hand.
        InputError: an input whose value stands elsewhere cannot be read.
    """
    one, clear = compiled.destination, compiled.secrets if secrets else Secrets()
    plain = asdict(one.config)
    inputs, mappings = dict(clear.inputs), dict(clear.mappings)
    if secrets:
        inputs |= _take(plain, compiled.opened(one.config.inputs))
        for mapping in plain["mappings"] or ():
            opened = _take(mapping, compiled.opened(mapping["inputs"]))
            if opened:
                mappings[mapping["id"]] = {**mappings.get(mapping["id"], {}), **opened}
    return {
        "id": one.id,
        "revision": one.revision,
        "config": plain,
        "secrets": {"inputs": inputs, "mappings": mappings},
        "project": asdict(compiled.project),
    }


def _take(plain: dict[str, Any], opened: Inputs) -> Inputs:
    """Treat inputs that were read from elsewhere as secrets of the form they belong to."""
    plain["inputs"] |= {key: dict(SECRET_MARK) for key in opened}
    for field_ in plain["inputs_schema"]:
        field_["secret"] = field_.get("secret") or field_["key"] in opened
    return opened


def unpack(plain: Mapping[str, Any], keyring: Keyring) -> CompiledDestination:
    """The destination that was packed, compiled.

    Args:
        plain: from ``pack``.
        keyring: any; there is nothing left to open.

    Raises:
        ValidationError: a filter does not compile here.
    """
    project = dict(plain["project"])
    project["path_cleaning"] = tuple(PathCleaning(**rule) for rule in project["path_cleaning"])
    config = Config(**{name: plain["config"][name] for name in CONFIG_FIELDS})
    destination = _Opened(
        plain["id"], project["id"], plain["revision"], config, clear=Secrets(**plain["secrets"])
    )
    return CompiledDestination(destination, keyring, Project(**project))
