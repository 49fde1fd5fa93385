"""Templates of destinations, as the document shows them."""

from __future__ import annotations

from hedgerow.api.schema.operations import LIMIT, OFFSET, Operation, Query, Tag, page
from hedgerow.api.schema.shapes import Shape, free, maybe, one_of

TAG = Tag("Templates", "What destinations can be made from.")

TEMPLATE = Shape(
    "Template",
    {
        "id": "template-webhook",
        "name": "HTTP Webhook",
        "description": "Sends a request for each event.",
        "type": one_of("destination", "site_destination", "internal_destination", "site_app", "transformation", "source_webhook"),
        "status": one_of("stable", "alpha", "beta", "deprecated", "hidden"),
        "category": ["Custom"],
        "free": True,
        "icon_url": maybe("https://example.com/icon.svg"),
        "code": "fetch(inputs.url, {'method': inputs.method, 'body': inputs.body})",
        "code_language": one_of("hog", "javascript"),
        "inputs_schema": [free({"key": "url", "type": "string", "label": "Address", "required": True})],
        "filters": maybe(free({"source": "events"})),
        "masking": maybe(free({"ttl": 3600, "hash": "{person.id}"})),
        "mapping_templates": maybe([free({"name": "order", "include_by_default": True})]),
    },
)  # fmt: skip

QUERY = (
    Query("type", "destination", "Of these types, separated by commas."),
    Query("types", "destination,transformation", "The same under its older name."),
    Query("template_id", "template-webhook", "This one only."),
    LIMIT,
    OFFSET,
)
PUBLIC = "/api/public_hog_function_templates"

OPERATIONS = (
    Operation("GET /hog_function_templates", "hog_function_templates_list", page(TEMPLATE), query=QUERY),
    Operation("GET /hog_function_templates/{template_id}", "hog_function_templates_retrieve", TEMPLATE),
    Operation(
        f"GET {PUBLIC}", "public_hog_function_templates_list", page(TEMPLATE), query=QUERY, anonymous=True
    ),
    Operation(
        f"GET {PUBLIC}/{{template_id}}", "public_hog_function_templates_retrieve", TEMPLATE, anonymous=True
    ),
)
