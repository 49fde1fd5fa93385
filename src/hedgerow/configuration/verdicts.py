"""What a case expected, beside what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hedgerow.delivery.invocation import Attempt
from hedgerow.replay.trial import Ran, Tried

OURS: Final = frozenset({"webhook-id"})
"""Headers that Hedgerow adds by itself."""
DELIVERED, FAILED = "delivered", "failed"
EXPECTATIONS: Final = ("skipped", "verdict", "requests", "logs", "error", "result")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that was otherwise than a case expected.

    Attributes:
        text: what, for a person.
        attr: where in the case that stands.
        expected: what the case says, where showing both helps.
        actual: what happened.
        compared: whether ``expected`` and ``actual`` are to be shown.
    """

    text: str
    attr: str = ""
    expected: Any = None
    actual: Any = None
    compared: bool = False


def judge(case: Mapping[str, Any], tried: Tried) -> list[Mismatch]:
    """Compare.

    Args:
        case: what was expected.
        tried: what happened.
    """
    if not any(name in case for name in EXPECTATIONS):
        return [Mismatch(f"The case expects nothing. Say one of: {', '.join(EXPECTATIONS)}.")]
    if tried.explanation["error"]:
        return [Mismatch(f"The filter failed: {tried.explanation['error']}")]
    runs = _chosen(case.get("mapping"), tried)
    if not runs:
        return [] if case.get("skipped") else [_left_out(tried)]
    if case.get("skipped"):
        return [Mismatch("The event was to be left out, but the filters want it.", "skipped")]
    if not tried.complete:
        return [Mismatch("It took too long and was ended.")]
    return [*_ended(case, runs), *_compared(case, runs)]


def _chosen(mapping: str | None, tried: Tried) -> list[Ran]:
    """The runs that a case is about."""
    if mapping is None:
        return tried.runs
    named = {one["id"] for one in tried.explanation["mappings"] or () if one["name"] == mapping}
    return [ran for ran in tried.runs if ran.invocation.mapping in named]


def _left_out(tried: Tried) -> Mismatch:
    """Why the event is not wanted: the first conditions that do not hold."""
    reasons = list(_unmet(tried.explanation["filter"]))
    for mapping in tried.explanation["mappings"] or ():
        reasons += _unmet(mapping["filter"])
    why = f": {'; '.join(reasons[:3])}" if reasons else ""
    return Mismatch(f"The filters leave this event out{why}.", "event")


def _unmet(clause: Mapping[str, Any]) -> Iterator[str]:
    """The smallest conditions that do not hold."""
    if clause["matched"] is not False:
        return
    inner = [reason for one in clause.get("clauses") or () for reason in _unmet(one)]
    if inner:
        yield from inner
    else:
        actual = f" (it is {_brief(clause['actual'])})" if "actual" in clause else ""
        yield f"not so: {clause['text']}{actual}"


def _brief(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else text[:59] + "…"


# ------------------------------------------------------------------- comparing


def _ended(case: Mapping[str, Any], runs: Sequence[Ran]) -> Iterator[Mismatch]:
    """How the delivery ended: well, unless the case says otherwise."""
    failed = [ran.outcomes[-1] for ran in runs if ran.outcomes[-1].verdict == FAILED]
    error = "; ".join(str(outcome.error) for outcome in failed)
    wanted = case.get("error")
    verdict = case.get("verdict") or (FAILED if wanted is not None else DELIVERED)
    if verdict == DELIVERED and failed:
        yield Mismatch(f"It failed ({failed[0].kind}): {error}", "verdict" if "verdict" in case else "")
    elif verdict == FAILED and not failed:
        yield Mismatch("It was to fail, but it was delivered.", "verdict" if "verdict" in case else "error")
    elif wanted is not None and wanted not in error:
        yield Mismatch(
            "The error is another one.", "error", expected=wanted, actual=error or None, compared=True
        )


def _compared(case: Mapping[str, Any], runs: Sequence[Ran]) -> Iterator[Mismatch]:
    """Requests, lines and result."""
    if case.get("requests") is not None:
        yield from _requests(case["requests"], [_sent(one) for one in _attempts(runs)])
    if case.get("logs") is not None:
        printed = [line for ran in runs for line in ran.printed]
        if printed != case["logs"]:
            text = "The program prints something else."
            yield Mismatch(text, "logs", expected=case["logs"], actual=printed, compared=True)
    if "result" in case:
        values = [ran.value for ran in runs]
        value = values[0] if len(values) == 1 else values
        if value != case["result"]:
            text = "The program returns something else."
            yield Mismatch(text, "result", expected=case["result"], actual=value, compared=True)


def _attempts(runs: Sequence[Ran]) -> list[Attempt]:
    return [attempt for ran in runs for outcome in ran.outcomes for attempt in outcome.attempts]


def _sent(attempt: Attempt) -> dict[str, Any]:
    headers = {name: value for name, value in attempt.request.headers.items() if name.lower() not in OURS}
    body = attempt.request.body.decode("utf-8", "replace") or None
    return {"method": attempt.method, "url": attempt.url, "headers": headers, "body": _read(body)}


def _read(body: str | None) -> Any:
    """A body as a case writes it: the value of a JSON text, else the text."""
    try:
        value = None if body is None else orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    return value if isinstance(value, dict | list) else body


def _requests(expected: Sequence[Mapping[str, Any]], sent: Sequence[Mapping[str, Any]]) -> Iterator[Mismatch]:
    if len(expected) != len(sent):
        wanted, came = _number(len(expected)), _number(len(sent)) if sent else "none"
        shown = [
            _like(one, expected[place]) if place < len(expected) else dict(one)
            for place, one in enumerate(sent)
        ]
        yield Mismatch(
            f"Expected {wanted}, and there {'was' if len(sent) == 1 else 'were'} {came}.", "requests",
            expected=[dict(_wanted(one)) for one in expected], actual=shown, compared=True,
        )  # fmt: skip
        return
    for place, (wanted_one, one) in enumerate(zip(expected, sent, strict=True)):
        want, got = dict(_wanted(wanted_one)), _like(one, wanted_one)
        if _folded(want) != _folded(got):
            text = "The request is another one."
            yield Mismatch(text, f"requests__{place}", expected=want, actual=got, compared=True)


def _number(count: int) -> str:
    return "no request" if count == 0 else "one request" if count == 1 else f"{count} requests"


def _wanted(one: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a case says of a request, in the order in which it is shown."""
    yield "method", str(one.get("method") or "POST").upper()
    yield "url", one["url"]
    for name in ("headers", "body"):
        if name in one:
            yield name, _read(one[name]) if name == "body" and isinstance(one[name], str) else one[name]


def _like(sent: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """As much of a request as a case speaks of."""
    return {
        name: sent[name] for name in ("method", "url", *(n for n in ("headers", "body") if n in expected))
    }


def _folded(one: Mapping[str, Any]) -> dict[str, Any]:
    """A request with the names of its headers in small letters, since case does not matter there."""
    headers = one.get("headers")
    if not isinstance(headers, Mapping):
        return dict(one)
    return {**one, "headers": {str(name).lower(): str(value) for name, value in headers.items()}}
