"""A person, as the document shows one."""

from __future__ import annotations

from hedgerow.api.schema.shapes import Shape, free, note

PERSON = Shape(
    "Person",
    {
        "id": "0191f3c0-1d2e-7c00-8000-5f0c6a3b9d10",
        "uuid": "0191f3c0-1d2e-7c00-8000-5f0c6a3b9d10",
        "name": note("ada@example.com", "What the project calls persons, or a distinct id."),
        "distinct_ids": ["ada"],
        "properties": free({"email": "ada@example.com", "plan": "pro"}),
        "created_at": "2026-05-28T20:26:40.000Z",
        "is_identified": True,
        "url": "http://localhost:8000/project/1/person/ada",
    },
)
