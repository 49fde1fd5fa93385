"""How a trial looks on a terminal: the verdict of the filters, the inputs, each request with its answer, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from hedgerow.cli.output import clip, duration, fields, heading, local_time, pretty, safe, safe_lines

LOUD = frozenset({"warn", "error"})
BODY_WIDTH = 4_000
VALUE_WIDTH = 60
SOURCE_WIDTH = 60
MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}
ENDS = {"success": ("✓", "green"), "skipped": ("-", "yellow"), "error": ("✗", "red")}


def show(answer: dict[str, Any]) -> None:
    """Print the answer of a trial."""
    event = answer["event"]
    origin = {"stored": "", "given": ", written by hand", "sample": ", made up"}[event["origin"]]
    about = f"{event['event']} of {event['distinct_id']}, {local_time(event['timestamp'])}{origin}"
    identity = event["uuid"] if event["origin"] == "stored" else None
    fields({"Destination": answer["globals"]["source"]["name"], "Event": about, "Uuid": identity})
    _filters(answer["filters"])
    for run in answer["invocations"]:
        _invocation(run, mocked=answer["mocked"])
    _end(answer)


# ------------------------------------------------------------------ filters


def _filters(told: dict[str, Any]) -> None:
    heading("Filter")
    for line in _clauses(told["filter"], 1):
        click.echo(line)
    for mapping in told["mappings"] or ():
        off = " (off)" if mapping["disabled"] else ""
        click.echo(f"  {_mark(mapping['matched'])} mapping {safe(mapping['name'] or mapping['id'])}{off}")
        for line in _clauses(mapping["filter"], 3):
            click.echo(line)


def _clauses(clause: dict[str, Any], depth: int) -> Iterator[str]:
    """A condition and its parts. A list of conditions that must all hold is shown without a line of its own."""
    parts = clause.get("clauses", [])
    plain = clause.get("join") == "all" and clause["text"] == "all of these hold"
    if not plain:
        yield _clause(clause, depth)
    for part in parts:
        yield from _clauses(part, depth if plain else depth + 2)


def _clause(clause: dict[str, Any], depth: int) -> str:
    text = f"{'  ' * depth}{_mark(clause['matched'])} {clip(clause['text'], 100)}"
    if clause.get("error"):
        return f"{text}   {click.style(clip(clause['error'], VALUE_WIDTH), fg='yellow')}"
    if clause["matched"] is not False or "actual" not in clause:
        return text
    actual = clause["actual"]
    found = (
        "there is none"
        if actual is None
        else f"it is {clip(json.dumps(actual, ensure_ascii=False), VALUE_WIDTH)}"
    )
    return f"{text}   {click.style(found, dim=True)}"


def _mark(matched: bool | None) -> str:
    sign, colour = MARKS[matched]
    return click.style(sign, fg=colour)


# -------------------------------------------------------------- invocations


def _invocation(run: dict[str, Any], *, mocked: bool) -> None:
    if run["mapping"]:
        heading(f"Mapping {safe(run['mapping']['name'] or run['mapping']['id'])}")
    if run["inputs"]:
        heading("Inputs")
        fields({f"  {name}": _value(value) for name, value in run["inputs"].items()})
    for number, request in enumerate(run["requests"], 1):
        _request(number, request, mocked=mocked)
    for event in run["captured"]:
        heading("Captured (not in a test)")
        click.echo(_indented(pretty(event)))
    if run["printed"]:
        heading("Printed")
        click.echo(_indented("\n".join(map(safe_lines, run["printed"]))))
    if run["trace"]:
        _trace(run["trace"])
    if run["result"] is not None:
        heading("Result")
        click.echo(_indented(pretty(run["result"])))
    problems = [line["message"] for line in run["logs"] if line["level"] in LOUD] or [run["error"]]
    if any(problems):
        heading("Problem")
        for line in problems:
            click.echo(_indented(click.style(safe_lines(line), fg="red")))


def _request(number: int, request: dict[str, Any], *, mocked: bool) -> None:
    line = f", line {request['line']} of the program" if request["line"] else ""
    heading(f"Request {number}{line}")
    click.echo(f"  {click.style(request['method'], bold=True)} {safe(request['url'])}")
    _message(request["request"])
    if request["response"] is None:
        click.echo(click.style(f"\n  no answer: {safe(request['error'])}", fg="red"))
        return
    status = request["status"]
    colour = "green" if status < 400 else "red"
    how = "answered by the test" if mocked else f"after {duration(request['duration_ms'])}"
    click.echo(f"\n  {click.style(str(status), fg=colour, bold=True)} {how}")
    _message(request["response"], headers=not mocked)


def _message(message: dict[str, Any], *, headers: bool = True) -> None:
    for name, value in message["headers"].items() if headers else ():
        click.echo(f"  {click.style(safe(name) + ':', dim=True)} {clip(value, BODY_WIDTH)}")
    if message["body"]:
        click.echo(_indented(_body(message["body"])))
    if message["truncated"]:
        click.echo(click.style(f"  ... of {message['size']} bytes", dim=True))


def _body(text: str) -> str:
    """JSON laid out, anything else as it is."""
    try:
        shown = pretty(json.loads(text))
    except ValueError:
        shown = safe_lines(text)
    return shown if len(shown) <= BODY_WIDTH else f"{shown[:BODY_WIDTH]}\n..."


def _trace(trace: dict[str, Any]) -> None:
    heading("Trace")
    for step in trace["steps"]:
        number = click.style(f"{step['line']:>6}", dim=True)
        text = clip(step["source"], SOURCE_WIDTH)
        changed = ", ".join(f"{name} = {clip(value, VALUE_WIDTH)}" for name, value in step["changed"].items())
        told = f"{text.ljust(SOURCE_WIDTH)}   {click.style(changed, fg='green')}" if changed else text
        click.echo(f"{number}   {told}")
    if not trace["complete"]:
        click.echo(f"  Only the first {len(trace['steps'])} steps are shown.")


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


# ------------------------------------------------------------------ the end


def _end(answer: dict[str, Any]) -> None:
    """One line that says it all, and where live traffic would fare differently."""
    click.echo("")
    sign, colour = ENDS[answer["status"]]
    verdict = click.style(f"{sign} {_verdict(answer)}", fg=colour)
    click.echo(f"{verdict} {click.style(f'({_took(answer)})', dim=True)}")
    for note in answer["notes"]:
        click.echo(click.style(f"  {safe(note)}", dim=True))


def _took(answer: dict[str, Any]) -> str:
    whole = duration(answer["duration_ms"])
    if not answer["invocations"]:
        return whole
    computing = sum(run["timings"]["hog_ms"] for run in answer["invocations"])
    return f"{whole}, of which the program computed {computing:.1f} ms"


def _verdict(answer: dict[str, Any]) -> str:
    requests = sum(len(run["requests"]) for run in answer["invocations"])
    if answer["status"] == "skipped":
        return "The event is not wanted: nothing would be sent."
    if answer["status"] == "error" and not answer["invocations"]:
        return safe(answer["errors"][0])
    count = "1 request" if requests == 1 else f"{requests} requests"
    if answer["mocked"]:
        end = "It would be delivered" if answer["status"] == "success" else "It would fail"
        return f"{end}: {count}. Nothing was sent; --real sends."
    hosts = ", ".join(map(safe, answer["hosts"])) or "nobody"
    return f"{'Delivered' if answer['status'] == 'success' else 'Failed'}: {count}, sent to {hosts}."
