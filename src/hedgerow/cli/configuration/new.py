"""``hedgerow new``: a file to begin with, and a case that fails until it is what somebody wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hedgerow.cli.configuration import yamltext
from hedgerow.cli.configuration.export import put_schemas, text_of
from hedgerow.cli.errors import CommandFailed
from hedgerow.configuration.keys import slug
from hedgerow.destinations import Template, builtin
from hedgerow.hog.printer import format_source

ADDRESS = "https://example.com/hook"
PROGRAM = """
let response := fetch(inputs.url, {
    'method': 'POST',
    'headers': {'Content-Type': 'application/json'},
    'body': inputs.body
})

if (response.status >= 400) {
    throw Error(f'The tool answered with status {response.status}')
}
"""
FORM: list[dict[str, Any]] = [
    {"key": "url", "type": "string", "label": "Address", "required": True},
    {
        "key": "body", "type": "json", "label": "Body",
        "default": {"event": "{event.event}", "who": "{person.properties.email}"},
    },
]  # fmt: skip
EXPECTED = {"event": "signed up", "who": "ada@example.com", "plan": "pro"}
WHY = "# This case fails as it is: say what your tool is to be sent, then run: hedgerow test {place}\n"

TEMPLATE = """id: template-{slug}
name: {name}
description: Sends events to {name}.
status: alpha
category: [Custom]
docs: What somebody has to do at {name} first, such as making a key.
"""


@click.group("new")
def command() -> None:
    """Begin a destination or a template: a file that works, and a case that fails until you make it yours."""


@command.command("destination")
@click.argument("name")
@click.option(
    "--in", "folder", default=".", show_default=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder of configuration; the file goes into its destinations/.",
)  # fmt: skip
@click.option(
    "--template", "template_id", metavar="ID", help="Make it from a template, such as template-webhook."
)
def destination(name: str, folder: Path, template_id: str | None) -> None:
    """Begin a destination called NAME: a file with its program or template, and a first case."""
    template = _template(template_id)
    path = folder / "destinations" / f"{slug(name, 'destination')}.yaml"
    document = _from_template(name, template) if template else _own(name)
    text = text_of("destinations", path.stem, document)
    _make(path, f"{text}\n{WHY.format(place=folder)}" + yamltext.dump({"cases": [_case()]}))
    put_schemas(folder)
    _tell(path, f"hedgerow test {folder}")


def _template(template_id: str | None) -> Template | None:
    if template_id is None:
        return None
    found = builtin().get(template_id)
    if found is None:
        known = ", ".join(item.id for item in builtin().listed())
        raise click.BadParameter(
            f"There is no template {template_id!r}. Known ones: {known}.", param_hint="--template"
        )
    return found


def _own(name: str) -> dict[str, Any]:
    return {
        "name": name, "enabled": False, "events": ["signed up"], "inputs_schema": FORM,
        "inputs": {"url": ADDRESS, "body": FORM[1]["default"]}, "hog": format_source(PROGRAM.strip()),
    }  # fmt: skip


def _from_template(name: str, template: Template) -> dict[str, Any]:
    """Inputs are asked for: those that are required and have no default, for somebody to fill in."""
    asked = [field for field in template.inputs_schema if field["required"] and field.get("default") is None]
    inputs = {field["key"]: _first(field) for field in asked}
    return {
        "name": name,
        "enabled": False,
        "template": template.id,
        "events": ["signed up"],
        "inputs": inputs,
    }


def _first(field: dict[str, Any]) -> Any:
    """A value to begin with."""
    if field["type"] == "string" and field["key"] == "url" and not field["secret"]:
        return ADDRESS
    return {"missing": True}


def _case() -> dict[str, Any]:
    return {
        "name": "tells the tool who signed up",
        "event": {"event": "signed up", "properties": {"plan": "pro"}},
        "person": {"properties": {"email": "ada@example.com"}},
        "answers": [{"status": 200}],
        "requests": [{"url": ADDRESS, "body": EXPECTED}],
        "verdict": "delivered",
    }


@command.command("template")
@click.argument("name")
@click.option(
    "--in", "folder", default="src/hedgerow/templates", show_default=True, metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False), help="Where the template's folder goes.",
)  # fmt: skip
def template(name: str, folder: Path) -> None:
    """Begin a template called NAME: a folder with template.yaml, code.hog, and cases.yaml with a first case."""
    home = folder / slug(name, "template")
    if home.exists():
        raise CommandFailed(f"{home} is there already.")
    about = TEMPLATE.format(slug=home.name, name=name)
    _make(home / "template.yaml", about + yamltext.dump({"inputs_schema": FORM}))
    _make(home / "code.hog", format_source(PROGRAM.strip()))
    case = {name: value for name, value in _case().items() if name != "verdict"}
    case["requests"] = [{"url": ADDRESS, "headers": {"Content-Type": "application/json"}, "body": EXPECTED}]
    case = {"name": case.pop("name"), "inputs": {"url": ADDRESS}, **case}
    _make(home / "cases.yaml", WHY.format(place=home) + yamltext.dump([case]))
    _tell(home, f"hedgerow test {home}")


def _make(path: Path, text: str) -> None:
    """Write a file that is not there yet."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise CommandFailed(f"{path} is there already. Choose another name.") from None
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}.") from error


def _tell(path: Path, then: str) -> None:
    click.echo(f"made       {path}")
    click.echo(f"Its case fails until you make it yours: {then}")
