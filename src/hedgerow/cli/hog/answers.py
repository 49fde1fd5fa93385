"""Answers to what a program asks of the outside: from a file, since nothing leaves the machine here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.hog.source import read_json
from hedgerow.cli.output import safe_lines
from hedgerow.hog import AsyncCall, print_form

DEFAULT: Mapping[str, Any] = {"status": 200, "body": {}, "headers": {}}
SHAPE = 'a list of answers such as {"status": 200, "body": {}}, or an object with such a list, or one answer, for each URL'


class Answers:
    """Shows each call, and answers it: fetches from a list in turn, or by URL; with status 200 where nothing is said.

    Args:
        name: the JSON file with the answers, or None.
    """

    def __init__(self, name: str | None) -> None:
        given = [] if name is None else read_json(name)
        self._queues = {url: _queue(name, value) for url, value in _by_url(name, given).items()}

    def __call__(self, call: AsyncCall) -> Any:
        """The answer to a call."""
        arguments = ", ".join(map(print_form, call.args))
        click.echo(click.style(safe_lines(f"{call.name}({arguments})"), fg="cyan"), err=True)
        return self._fetched(call.args) if call.name == "fetch" else None

    def _fetched(self, args: list[Any]) -> Any:
        queue = self._queues.get(str(args[0]) if args else "") or self._queues.get("") or []
        return queue.pop(0) if queue else dict(DEFAULT)


def _by_url(name: str | None, given: Any) -> dict[str, Any]:
    """Answers by URL; those to any URL under the empty text."""
    if isinstance(given, list):
        return {"": given}
    if isinstance(given, dict):
        return {"": given} if "status" in given else given
    raise CommandFailed(f"{name} should hold {SHAPE}.", status=2)


def _queue(name: str | None, value: Any) -> list[Any]:
    """The answers to one URL. One that is not in a list is given every time."""
    items = value if isinstance(value, list) else [value] * 100
    for item in items:
        if not isinstance(item, dict) or "status" not in item:
            raise CommandFailed(f"{name} should hold {SHAPE}.", status=2)
    return list(items)
