"""``/api/schema/`` and ``/api/docs/``: what the API promises, for programs and for people.

The page comes from here alone, script and style included: it works on a machine without a way to the internet, and no other
site learns who reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files

import orjson
import yaml
from fastapi import APIRouter, Request, Response

from hedgerow.api.errors import Invalid
from hedgerow.api.schema import build
from hedgerow.configuration.documents import SCHEMA_FILES, json_schema

router = APIRouter(include_in_schema=False)

POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
ASSETS = {"docs.js": "text/javascript", "docs.css": "text/css"}
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "application/vnd.oai.openapi")
JSON_TYPE = "application/vnd.oai.openapi+json"


class Contract:
    """The OpenAPI document of an application, written when somebody asks for it first.

    Args:
        routers: those of the application.
    """

    def __init__(self, routers: Sequence[APIRouter]) -> None:
        self._routers = routers

    @cached_property
    def json(self) -> bytes:
        """As JSON."""
        return orjson.dumps(build(self._routers), option=orjson.OPT_INDENT_2)

    @cached_property
    def yaml(self) -> bytes:
        """As YAML."""
        document = orjson.loads(self.json)  # without shared parts, which would become anchors
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text: str = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
        return text.encode()


@router.get("/api/schema")
async def schema(request: Request) -> Response:
    """The OpenAPI document; YAML with ``?format=yaml`` or an ``Accept`` header that asks for it."""
    contract: Contract = request.app.state.contract
    if _wants_yaml(request):
        body = await asyncio.to_thread(lambda: contract.yaml)
        return Response(body, media_type="application/yaml")
    body = await asyncio.to_thread(lambda: contract.json)
    return Response(body, media_type="application/json")


@router.get("/api/schema/{name}")
async def schema_of_files(name: str) -> Response:
    """The JSON Schema of a kind of configuration file, by which editors complete and check it."""
    kinds = {file: kind for kind, file in SCHEMA_FILES.items()}
    if name not in kinds:
        return Response(f"There are {', '.join(kinds)}.\n", 404, media_type="text/plain")
    body = orjson.dumps(json_schema(kinds[name]), option=orjson.OPT_INDENT_2)
    headers = {"access-control-allow-origin": "*"}  # editors in a browser read it from another site
    return Response(body, media_type="application/schema+json", headers=headers)


def _wants_yaml(request: Request) -> bool:
    wanted = request.query_params.get("format", "")
    if wanted not in {"", "json", "yaml"}:
        raise Invalid("The document is there as json and as yaml.", attr="format")
    accepted = {
        part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")
    }
    return wanted == "yaml" or (
        not wanted and JSON_TYPE not in accepted and not accepted.isdisjoint(YAML_TYPES)
    )


@router.get("/api/docs")
async def page() -> Response:
    """The page for people."""
    return Response(_asset("docs.html"), media_type="text/html", headers=PAGE_HEADERS)


@router.get("/api/docs/{name}")
async def asset(name: str) -> Response:
    """What the page consists of."""
    if name not in ASSETS:
        return Response("There is no such file.\n", 404, media_type="text/plain")
    return Response(_asset(name), media_type=ASSETS[name], headers={"cache-control": "no-cache"})


def _asset(name: str) -> bytes:
    return files("hedgerow.api").joinpath("pages", name).read_bytes()
