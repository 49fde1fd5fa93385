"""A trial as people and programs read it, without anything secret in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from hedgerow.delivery.identity import text
from hedgerow.delivery.invocation import Attempt, Excerpt, Line, Outcome
from hedgerow.delivery.retry import Failure
from hedgerow.destinations import CompiledDestination
from hedgerow.destinations.redaction import MARKER, Redactor, secret_values
from hedgerow.destinations.windows import span
from hedgerow.events import Event, timestamps
from hedgerow.hog.errors import line_and_column
from hedgerow.replay.trial import Ran, Trial, Tried

LONGEST_BODY: Final = 65_536
"""Characters of a body that are shown."""
LONGEST_VALUE: Final = 500
"""Characters of a variable in a trace."""
_LONGEST_INTEGER: Final = 63
"""Bits of an integer in JSON as most programs read it; longer ones are shown as texts."""
PASSING: Final = frozenset({"timeout", "connect_timeout", "refused", "reset", "dns"})
"""Failures without an answer after which a delivery is tried again."""


def report(trial: Trial, tried: Tried, duration_ms: int) -> dict[str, Any]:
    """What came of a trial: PostHog's fields first, ours after them. Takes its time; not for an event loop.

    Args:
        trial: what was tried.
        tried: what came of it.
        duration_ms: of the whole.
    """
    shields = [_Shield(trial.compiled, ran.inputs) for ran in tried.runs]
    shown = [_invocation(trial, ran, shield) for ran, shield in zip(tried.runs, shields, strict=True)]
    errors = [*_filter_errors(tried), *(one["error"] for one in shown if one["error"])]
    event = trial.subject.globals["event"]
    return {
        "status": "error" if errors else "success" if shown else "skipped",
        "result": shown[0]["result"] if len(shown) == 1 else None,
        "errors": errors,
        "logs": [*_about_filters(trial, tried), *chain.from_iterable(one["logs"] for one in shown)],
        "invocation_id": shown[0]["id"] if shown else None,
        "globals": trial.compiled.globals(trial.subject.globals),
        "event": {name: event[name] for name in ("uuid", "event", "distinct_id", "timestamp")}
        | {"origin": trial.subject.origin},
        "mocked": not trial.real,
        "hosts": list(dict.fromkeys(chain.from_iterable(one["hosts"] for one in shown))),
        "filters": tried.explanation,
        "invocations": shown,
        "notes": list(_notes(trial, tried)),
        "duration_ms": duration_ms,
    }


class _Shield:
    """Takes secrets out of whatever is shown of one invocation."""

    def __init__(self, compiled: CompiledDestination, inputs: Mapping[str, Any]) -> None:
        config = compiled.destination.config
        own = (field for mapping in config.mappings or () for field in mapping["inputs_schema"])
        self._schema = [*config.inputs_schema, *own]
        self._compiled = compiled
        self._rendered = Redactor(secret_values(self._schema, inputs))

    def text(self, value: str) -> str:
        """A text without secrets, and without halves of characters, which JSON cannot have."""
        shown = self._rendered.redact(self._compiled.redact(value))
        return shown if shown.isascii() else shown.encode("utf-8", "backslashreplace").decode()

    def value(self, value: Any) -> Any:
        """Any value without secrets, wherever they stand in it."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, bool) or value is None:
            return value
        shown = self.text(str(value))
        if shown != str(value):
            return MARKER
        return shown if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER else value

    def inputs(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs as they were rendered, in the order of their form; of those that are secret only whether there is something."""
        hidden = {field["key"] for field in self._schema if field.get("secret")}
        order = {field["key"]: place for place, field in enumerate(self._schema)}
        return {
            key: MARKER if key in hidden and inputs[key] not in (None, "") else self.value(inputs[key])
            for key in sorted(inputs, key=lambda key: order.get(key, len(order)))
        }


# ------------------------------------------------------------- invocations


def _invocation(trial: Trial, ran: Ran, shield: _Shield) -> dict[str, Any]:
    last = ran.outcomes[-1]
    attempts = [attempt for outcome in ran.outcomes for attempt in outcome.attempts]
    requests = [_request(attempt, shield, _line_of(trial, ran, attempt)) for attempt in attempts]
    fetching = sum(attempt.duration_ms for attempt in attempts)
    return {
        "id": text(ran.invocation.id),
        "mapping": _mapping(trial.compiled, ran.invocation.mapping),
        "status": "error" if last.verdict == "failed" else "success",
        "kind": last.kind,
        "error": shield.text(last.error) if last.error else None,
        "inputs": shield.inputs(ran.inputs),
        "requests": requests,
        "captured": [_captured(event, shield) for event in ran.captured],
        "printed": [shield.text(line) for line in ran.printed],
        "result": shield.value(ran.value),
        "hosts": [shield.text(host) for host in ran.hosts],
        "logs": _logs(trial, ran, shield),
        "timings": {
            "total_ms": last.at - _began(ran),
            "hog_ms": round(ran.hog_ms, 3),
            "fetch_ms": fetching,
        },
        "trace": None if ran.trace is None else _trace(ran.trace, shield),
    }


def _mapping(compiled: CompiledDestination, identity: str) -> dict[str, Any] | None:
    mappings = compiled.destination.config.mappings or ()
    return next(
        ({"id": item["id"], "name": item.get("name")} for item in mappings if item["id"] == identity), None
    )


def _began(ran: Ran) -> int:
    first = ran.outcomes[0]
    return first.at - (first.duration_ms or 0)


def _line_of(trial: Trial, ran: Ran, attempt: Attempt) -> int | None:
    """The line of the program that a request comes from."""
    sites = {entry.ordinal: entry.site for entry in ran.invocation.journal}
    site = sites.get(attempt.ordinal)
    if site is None:
        return None
    program = trial.compiled.program
    return line_and_column(program.source, program.async_sites[site].span.start)[0]


def _request(attempt: Attempt, shield: _Shield, line: int | None) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "ordinal": attempt.ordinal,
        "line": line,
        "at": timestamps.write(attempt.at),
        "duration_ms": attempt.duration_ms,
        "method": shield.text(attempt.method),
        "url": shield.text(attempt.url),
        "status": attempt.status,
        "error": shield.text(attempt.error) if attempt.error else None,
        "request": _excerpt(attempt.request, shield),
        "response": _excerpt(attempt.response, shield) if attempt.response else None,
    }


def _excerpt(excerpt: Excerpt, shield: _Shield) -> dict[str, Any]:
    body = shield.text(excerpt.body.decode("utf-8", "replace"))
    return {
        "headers": {shield.text(name): shield.text(value) for name, value in excerpt.headers.items()},
        "body": body[:LONGEST_BODY],
        "size": excerpt.size,
        "truncated": len(body) > LONGEST_BODY or excerpt.size > len(excerpt.body),
    }


def _trace(trace: Mapping[str, Any], shield: _Shield) -> dict[str, Any]:
    steps = [
        {
            **shield.value(step),
            "changed": {name: shield.text(text)[:LONGEST_VALUE] for name, text in step["changed"].items()},
        }
        for step in trace["steps"]
    ]
    return {**trace, "steps": steps, "error": trace["error"] and shield.text(trace["error"])}


def _captured(event: Event, shield: _Shield) -> dict[str, Any]:
    return {
        "event": shield.text(event.event),
        "distinct_id": shield.text(event.distinct_id),
        "properties": shield.value(event.properties),
    }


# -------------------------------------------------------------------- lines


def _logs(trial: Trial, ran: Ran, shield: _Shield) -> list[dict[str, Any]]:
    """All that happened, in order: what the program printed, what it called, what went wrong."""
    last = ran.outcomes[-1]
    took = f"Took {last.at - _began(ran)} ms, of which the program computed {ran.hog_ms:.3g} ms."
    lines = [
        *(line for outcome in ran.outcomes for line in outcome.lines),
        *(line for outcome in ran.outcomes for line in _calls(trial, outcome)),
        *(Line(event.captured_at, "info", _capture(event)) for event in ran.captured),
        Line(last.at + 1, "debug", took),
    ]
    return [_line(line, shield) for line in sorted(lines, key=lambda line: line.at)]


def _calls(trial: Trial, outcome: Outcome) -> Iterator[Line]:
    """Calls that were not made show what they would have sent; of those that were made, failures have a line already."""
    for attempt in outcome.attempts:
        if not trial.real:
            yield Line(attempt.at, "info", "fetch was not sent; this test answers it. It would send:")
            body = attempt.request.body.decode("utf-8", "replace")
            yield Line(attempt.at, "info", f"{attempt.method} {attempt.url}" + (f"\n{body}" if body else ""))
        elif attempt.status is not None and attempt.status < 400:
            took = f"{attempt.status} after {attempt.duration_ms} ms"
            yield Line(attempt.at, "info", f"{attempt.method} {attempt.url} answered {took}.")


def _capture(event: Event) -> str:
    return f"postHogCapture: a test does not capture {event.event!r} of {event.distinct_id!r}."


def _line(line: Line, shield: _Shield) -> dict[str, Any]:
    message = shield.text(line.message)
    return {"level": line.level, "timestamp": timestamps.write(line.at), "message": message[:LONGEST_BODY]}


# ------------------------------------------------------------------ filters


def _filter_errors(tried: Tried) -> list[str]:
    errors = [tried.explanation["error"]] if tried.explanation["error"] else []
    return errors if tried.complete else [*errors, "The test took too long and was ended."]


def _about_filters(trial: Trial, tried: Tried) -> list[dict[str, Any]]:
    """What the filters said, for those who read nothing but the log."""
    told = tried.explanation
    said: list[tuple[str, str]] = [("error", f"Filter: {told['error']}")] if told["error"] else []
    if not told["wanted"] and not told["error"]:
        said.append(
            ("info", f"The event {trial.subject.globals['event']['event']!r} does not match the filter.")
        )
    mappings: Sequence[Mapping[str, Any]] = told["mappings"] or ()
    said += [("info", f"{_named(one)} does not match.") for one in mappings if one["matched"] is False]
    at = (
        timestamps.write(_began(tried.runs[0]))
        if tried.runs
        else trial.subject.globals["event"]["captured_at"]
    )
    return [{"level": level, "timestamp": at, "message": message} for level, message in said]


def _named(mapping: Mapping[str, Any]) -> str:
    return f"Mapping {mapping['name'] or mapping['id']!r}" + (" (off)" if mapping["disabled"] else "")


def _notes(trial: Trial, tried: Tried) -> Iterator[str]:
    """Where live traffic would fare differently."""
    compiled, subject = trial.compiled, trial.subject.globals
    config = compiled.destination.config
    if not config.enabled:
        yield "The destination is off: live events do not reach it."
    person = subject["person"]
    if not compiled.sampled(subject["event"]["uuid"], person["id"] if person else None):
        yield "Live, this event would not be in the sample that is delivered."
    if config.mappings is not None and all(item.get("disabled") for item in config.mappings):
        yield "It has no mapping that is on, so it wants no event."
    if config.masking:
        yield "Live, a repetition may be masked; a test never is."
    if config.threshold:
        within = f"{config.threshold['count']} such events within {span(config.threshold['window'])}"
        yield f"Live, only the last of {within} is sent; a test always is."
    if config.digest:
        interval = span(config.digest["interval"])
        yield f"Live, what follows the first event within {interval} goes out as one summary; a test has one event in it."
    if any(map(_would_retry, tried.runs)):
        yield "Live, the call that failed would be tried again."


def _would_retry(ran: Ran) -> bool:
    last = ran.outcomes[-1]
    if last.verdict != "failed" or not last.attempts:
        return False
    status = last.attempts[-1].status
    return Failure(status=status).may_retry if status is not None else last.kind in PASSING
