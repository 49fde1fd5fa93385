"""The pages of the API, from its OpenAPI document: one for each of its nouns."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, TypeAlias

from hedgerow.api.app import ROUTERS
from hedgerow.api.schema import build
from site_pages.markup import as_json, code, fenced, page, prose, table

FOLDER = "reference/api"
Schema: TypeAlias = dict[str, Any]
PROJECT = "project_id"  # in nearly all paths; explained once, in docs/api.md


def pages() -> Iterator[tuple[str, str]]:
    """A page with all operations, and one for each noun: path and text."""
    document = build(ROUTERS)
    found = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found[operation["tags"][0]].append((f"{method.upper()} {path}", operation))
    tags = [tag for tag in document["tags"] if found[tag["name"]]]
    yield f"{FOLDER}/index.md", _index(tags, found)
    for tag in tags:
        entries = [_operation(place, each) for place, each in found[tag["name"]]]
        yield (
            f"{FOLDER}/{slug(tag['name'])}.md",
            page(f"# {tag['name']}", prose(tag["description"]), *entries),
        )


def slug(name: str) -> str:
    """The file name of a noun."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _index(tags: list[Schema], found: dict[str, list[tuple[str, Schema]]]) -> str:
    parts = []
    for tag in tags:
        file = f"{slug(tag['name'])}.md"
        rows = (
            (f"[{prose(each['summary'])}]({file}#{each['operationId']})", code(_short(place)))
            for place, each in found[tag["name"]]
        )
        parts += [f"## {tag['name']}", table(("Operation", "Path"), rows)]
    about = (
        "All operations, from the OpenAPI document that your server has at `/api/schema/`. [The API](../../api.md) tells the rules that "
        "hold for all of them. Paths that do not begin with `/api/` are below `/api/projects/:project_id`."
    )
    return page("# All operations", about, *parts)


def _short(place: str) -> str:
    return place.replace(f"/api/projects/{{{PROJECT}}}", "")


def _operation(place: str, each: Schema) -> str:
    body = each.get("requestBody")
    return page(
        f"## {prose(each['summary'])} {{ #{each['operationId']} }}",
        fenced(place, "http"),
        _rights(each),
        _words(each),
        table(("Parameter", "In", "Example", "What it is"), map(_parameter, _own(each))),
        *(("What is sent:", *_example(body)) if body else ()),
        *_answers(each["responses"]),
    ).rstrip("\n")


def _rights(each: Schema) -> str:
    scope, role = each.get("x-required-scope"), each.get("x-required-role")
    if scope is None:
        return "Nobody needs to be known for it." if each.get("security") == [] else ""
    return f"Scope {code(scope)}{f', role {role}' if role else ''}."


def _words(each: Schema) -> str:
    """What it does, without the sentence that is its heading."""
    text: str = each["description"]
    rest = text.removeprefix(each["summary"])
    return prose(rest[1:].strip() if rest[:1] in {"", "."} else text)


def _own(each: Schema) -> list[Schema]:
    return [item for item in each.get("parameters", ()) if item["name"] != PROJECT]


def _parameter(item: Schema) -> tuple[str, str, str, str]:
    needed = ", required" if item.get("required") and item["in"] != "path" else ""
    return code(item["name"]), item["in"] + needed, code(str(item["example"])), prose(item["description"])


def _example(holder: Schema) -> Iterator[str]:
    for media, content in holder.get("content", {}).items():
        example = content["example"]
        if media == "application/json":
            yield as_json(example)
        else:
            yield f"As {code(media)}:"
            yield fenced(example if isinstance(example, str) else str(example), "text")


def _answers(responses: Schema) -> Iterator[str]:
    """Its own answers; those that every operation may give stand in docs/api.md."""
    for status, answer in responses.items():
        if "$ref" not in answer:
            yield f"**{status} {HTTPStatus(int(status)).phrase}** {prose(answer['description'])}"
            yield from _example(answer)
