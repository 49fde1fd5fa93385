"""Small pieces of Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any


def prose(text: str) -> str:
    """Text of docstrings and help as Markdown: single backticks, and nothing outside of them that could be a tag."""
    pieces = re.split(r"(`[^`]*`)", text.replace("``", "`"))
    return "".join(
        piece if piece.startswith("`") else piece.replace("<", "&lt;").replace("*", r"\*") for piece in pieces
    )


def code(text: str) -> str:
    """A short piece of code."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing when it has no rows."""
    lines = [" | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in row) for row in rows]
    if not lines:
        return ""
    return "\n".join(f"| {line} |" for line in (" | ".join(head), " | ".join("---" for _ in head), *lines))


def fenced(text: str, language: str) -> str:
    """A block of code."""
    fence = "````" if "```" in text else "```"
    return f"{fence}{language}\n{text.strip()}\n{fence}"


def as_json(value: Any) -> str:
    """A block with a value as JSON."""
    return fenced(json.dumps(value, indent=2, ensure_ascii=False), "json")


def page(*parts: str) -> str:
    """Paragraphs, headings and blocks as a page; empty ones are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"
