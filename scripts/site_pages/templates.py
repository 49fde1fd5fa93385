"""The pages of destination templates, from their folders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from hedgerow.destinations.catalogue import Template, builtin
from site_pages.markup import code, fenced, page, prose, table

FOLDER = "reference/templates"
ABOUT = (
    "A template is a ready-made destination: a program, and a form of inputs. Any text of an input may contain "
    "[Hog](../../hog.md) expressions in braces. `template:` in a manifest names one by its id; a destination can also have a "
    "program of its own."
)


def pages() -> Iterator[tuple[str, str]]:
    """A page with all of them, and one for each: path and text."""
    shown = [item for item in builtin().values() if item.status != "hidden"]
    rows = ((f"[{item.name}]({_file(item)})", code(item.id), prose(item.description)) for item in shown)
    yield f"{FOLDER}/index.md", page("# Templates", ABOUT, table(("Template", "Id", "What it does"), rows))
    for item in shown:
        yield f"{FOLDER}/{_file(item)}", _page(item)


def _file(item: Template) -> str:
    return item.id.removeprefix("template-") + ".md"


def _page(item: Template) -> str:
    status = f"This template is {item.status}." if item.status != "stable" else ""
    return page(
        f"# {item.name}",
        f"{prose(item.description)} {status}".strip(),
        prose(item.docs),
        *_account(item),
        "## Inputs",
        table(("Input", "Type", "What it is", "Default"), map(_input, item.inputs_schema)),
        *_defaults(item),
        "## In a manifest",
        fenced(_manifest(item), "yaml"),
        *_mappings(item),
        "## The program",
        fenced(item.code, "hog"),
    )


def _account(item: Template) -> Iterator[str]:
    for each in item.inputs_schema:
        if each.get("type") == "integration":
            yield f"It needs an [account at the vendor](../../integrations.md) of the kind {code(each['integration'])}."


def _input(each: dict[str, Any]) -> tuple[str, str, str, str]:
    words = [each.get("label", ""), prose(each.get("description", ""))]
    marks = [mark for mark in ("required", "secret") if each.get(mark)]
    choices = ", ".join(code(str(choice["value"])) for choice in each.get("choices") or ())
    text = ". ".join(word.rstrip(".") for word in words if word)
    kind = ", ".join([each["type"], *marks])
    return code(each["key"]), kind, f"{text}{f': {choices}' if choices else ''}.", _short(each.get("default"))


def _short(default: Any) -> str:
    """A default that fits into a table; others follow below it."""
    return "" if default in (None, "") else "below" if _long(default) else code(str(default))


def _long(default: Any) -> bool:
    return isinstance(default, list | dict) or len(str(default)) > 60


def _defaults(item: Template) -> Iterator[str]:
    for each in item.inputs_schema:
        if _long(each.get("default") or ""):
            yield f"The default of {code(each['key'])}:"
            yield fenced(_yaml(each["default"]), "yaml")


def _manifest(item: Template) -> str:
    """The least that has to be said, with something in place of what only its user knows."""
    needed = {
        each["key"]: _placeholder(each)
        for each in item.inputs_schema
        if each.get("required") and each.get("default") in (None, "")
    }
    filters = {} if item.mapping_templates else {"events": ["signed up"]}
    destination = {"name": f"My {item.name}", "template": item.id, **filters, "inputs": needed}
    return _yaml({"destinations": [{key: value for key, value in destination.items() if value}]})


def _placeholder(each: dict[str, Any]) -> Any:
    if each["type"] == "integration":
        return 1
    if each.get("choices"):
        return each["choices"][0]["value"]
    return {"dictionary": {}, "json": {}, "boolean": True, "number": 1}.get(each["type"], _text(each["key"]))


def _text(key: str) -> str:
    return "https://example.com/hook" if "url" in key.lower() else "..."


def _mappings(item: Template) -> Iterator[str]:
    if not item.mapping_templates:
        return
    yield "## Mappings"
    rows = (
        (
            each["name"],
            ", ".join(code(str(event["id"])) for event in (each.get("filters") or {}).get("events") or ()),
        )
        for each in item.mapping_templates
    )
    yield table(("Mapping", "Events"), rows)


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text
