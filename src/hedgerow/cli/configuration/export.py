"""``hedgerow export``: the configuration of a project as a folder of files."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.configuration import folder as folders
from hedgerow.cli.configuration import yamltext
from hedgerow.cli.configuration.folder import File
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.options import connected
from hedgerow.cli.output import safe, show_json
from hedgerow.configuration.desired import payload
from hedgerow.configuration.documents import SCHEMA_FILES, json_schema
from hedgerow.configuration.keys import CASES, KINDS, is_key
from hedgerow.configuration.names import Names
from hedgerow.destinations import ValidationError, builtin

SCHEMAS = ".schemas"
WRITTEN, UNCHANGED, REMOVED, STRANGE = "written", "unchanged", "removed", "not on the server"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one file.

    Attributes:
        path: which.
        change: ``written``, ``unchanged``, ``removed`` or ``not on the server``.
        note: more about it, for people.
    """

    path: Path
    change: str
    note: str = ""


# What can be exported to, by the name of the format: where the function is that does it. Each is loaded when it is used, and called
# with the client, the folder, and whether to remove files of things that are no more.
FORMATS: Mapping[str, str] = {
    "hedgerow": "hedgerow.cli.configuration.export:whole",
    "posthog": "hedgerow.cli.moving.shapes:write",
}


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="hedgerow", show_default=True, help="Whose files."
)  # fmt: skip
@click.option("--prune", is_flag=True, help="Remove files of what is not on the server.")
@connected
def command(client: Client, *, folder: Path, form: str, prune: bool, as_json: bool) -> None:
    """Write the project's destinations, actions and cohorts as files into DIR.

    One file each, which 'hedgerow apply DIR' puts in place, here or elsewhere. Secrets are not in them. Files that say the same
    already are left alone, with their comments; cases of destinations are kept.
    """
    place, _, name = FORMATS[form].partition(":")
    write: Callable[..., list[Written]] = getattr(importlib.import_module(place), name)
    done = write(client, folder, prune=prune)
    if as_json:
        show_json([{"path": str(one.path), "change": one.change, "note": one.note} for one in done])
        return
    _tell(folder, done)


def _tell(folder: Path, done: list[Written]) -> None:
    for one in done:
        if one.change != UNCHANGED:
            click.echo(f"{one.change:<9}  {safe(one.path)}" + (f"  ({one.note})" if one.note else ""))
    same = sum(one.change == UNCHANGED for one in done)
    total = sum(one.change in (WRITTEN, UNCHANGED) for one in done)
    click.echo(f"{folder} has {total} {'file' if total == 1 else 'files'}, {same} unchanged.")


def whole(client: Client, folder: Path, *, prune: bool) -> list[Written]:
    """Export in Hedgerow's own format.

    Args:
        client: of the server.
        folder: where to; made when it is not there.
        prune: remove files of what the server does not have.

    Raises:
        CommandFailed: the folder holds something else, or cannot be written.
    """
    documents = client.get("configuration/")
    there = _there(folder)
    try:
        done = [
            _put(folder, kind, key, document, documents, there.get((kind, key)))
            for kind in reversed(KINDS)
            for key, document in documents[kind].items()
        ]
        put_schemas(folder)
        return [*done, *_strangers(documents, there, prune=prune)]
    except OSError as error:
        raise CommandFailed(f"{error.filename or folder} cannot be written: {error.strerror}.") from error


def _there(folder: Path) -> dict[tuple[str, str], File]:
    """The files that are in the folder already; those that cannot be read are in nobody's way."""
    if not folder.exists():
        return {}
    if folders.root_of(folder) != folder:
        raise CommandFailed(
            f"{folder} holds other things. Choose a folder that is empty, new, or made by an export."
        )
    return {(file.kind, file.key): file for file in folders.read(folder).files}


def _put(
    folder: Path, kind: str, key: str, document: dict[str, Any], all_: Mapping[str, Any], now: File | None
) -> Written:
    if not is_key(key):
        raise CommandFailed(f"The server calls one of its {kind} {key!r}, which can be no file.")
    path = now.path if now else folder / kind / f"{key}.yaml"
    if now and _same(kind, now, document, all_):
        return Written(path, UNCHANGED)
    text = text_of(kind, key, document) + (_cases(now) if now else "")
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return Written(path, UNCHANGED)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return Written(path, WRITTEN)


def text_of(kind: str, key: str, document: Mapping[str, Any]) -> str:
    """The text of a file; its first line tells editors how to complete and check it."""
    up = "../" * (key.count("/") + 1)
    return (
        f"# yaml-language-server: $schema={up}{SCHEMAS}/{SCHEMA_FILES[kind]}\n{yamltext.dump(dict(document))}"
    )


def _same(kind: str, now: File, document: Mapping[str, Any], all_: Mapping[str, Any]) -> bool:
    """Whether a file says the same in its own words."""
    said = {name: value for name, value in now.document.items() if name != CASES}
    if kind != "destinations":
        return said == document
    names = Names(
        {str(number): key for number, key in enumerate(all_["actions"])},
        {str(number): key for number, key in enumerate(all_["cohorts"])},
        anything=True,
    )
    try:
        return payload(said, names, builtin()) == payload(dict(document), names, builtin())
    except (ValidationError, AttributeError, TypeError, ValueError):
        return False


def _cases(now: File) -> str:
    """The cases of a file, as its author wrote them: the server knows nothing of them."""
    for key, value in now.node.value:
        if key.value == CASES:
            lines = now.text.splitlines(keepends=True)[key.start_mark.line : value.end_mark.line + 1]
            if value.end_mark.column == 0:
                lines = lines[: value.end_mark.line - key.start_mark.line]
            text = "".join(lines)
            return text if text.endswith("\n") else text + "\n"
    return ""


def put_schemas(folder: Path) -> None:
    """Put the JSON Schemas where the first lines of the files say that they are."""
    for kind, name in SCHEMA_FILES.items():
        path = folder / SCHEMAS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(json_schema(kind), indent=2) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")


def _strangers(
    documents: Mapping[str, Any], there: Mapping[tuple[str, str], File], *, prune: bool
) -> Iterator[Written]:
    """Files of what the server does not have: new ones, or what is gone there."""
    for (kind, key), file in there.items():
        if key in documents[kind]:
            continue
        if prune:
            file.path.unlink()
            yield Written(file.path, REMOVED)
        else:
            yield Written(file.path, STRANGE, "left as it is; --prune removes it")
