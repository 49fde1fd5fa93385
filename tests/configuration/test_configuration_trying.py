"""Cases of a destination's file: run without a server, judged by what would have been sent."""

from __future__ import annotations

import asyncio

import pytest

from hedgerow.configuration.trying import Bench

HOG = """
if (event.event == 'boom') {
    throw Error('it went boom')
}
print('sending', event.event)
let answer := fetch(inputs.url, {'headers': {'X-Token': inputs.token}, 'body': {'plan': event.properties.plan}})
if (answer.status == 409) {
    fetch(f'{inputs.url}/again', {'method': 'GET'})
}
return answer.status
"""
OWN = {
    "name": "Own",
    "enabled": False,
    "events": ["signed up", "boom"],
    "filters": {"properties": [{"type": "static-cohort", "cohort": "friends"}]},
    "inputs_schema": [
        {"key": "url", "type": "string"},
        {"key": "token", "type": "string", "secret": True, "required": True},
    ],
    "inputs": {"url": "https://example.com", "token": {"from_env": "NOWHERE"}},
    "hog": HOG,
}
FRIENDS = {"cohorts": {"friends": {"name": "Friends", "static": True}}}
CASE = {
    "name": "a case",
    "event": {"event": "signed up", "properties": {"plan": "pro"}},
    "cohorts": ["friends"],
}
SENT = {"url": "https://example.com", "headers": {"x-token": "<token>"}, "body": {"plan": "pro"}}
CASES = [
    ("sends", {"requests": [SENT], "verdict": "delivered", "logs": ["sending signed up"], "result": 200}, None),
    ("own inputs", {"inputs": {"token": "t"}, "requests": [{**SENT, "headers": {"X-Token": "t"}}]}, None),
    ("only what is said", {"requests": [{"url": "https://example.com"}]}, None),
    (
        "two calls",
        {"answers": [{"status": 409}], "requests": [SENT, {"method": "GET", "url": "https://example.com/again"}]},
        None,
    ),
    ("fails", {"event": "boom", "error": "it went boom", "requests": []}, None),
    ("a refusal", {"answers": [{"status": 500}], "verdict": "failed"}, None),
    ("no answer", {"answers": [{"error": "timeout"}], "verdict": "failed"}, None),
    ("not a friend", {"cohorts": [], "skipped": True}, None),
    ("another event", {"event": "seen", "skipped": True}, None),
    ("left out", {"event": "seen", "requests": [SENT]}, ("event", "The filters leave this event out: not so: the event is")),
    ("wanted", {"skipped": True}, ("skipped", "the filters want it")),
    ("other body", {"requests": [{**SENT, "body": {"plan": "free"}}]}, ("requests__0", "another one")),
    ("other headers", {"requests": [{**SENT, "headers": {}}]}, ("requests__0", "another one")),
    ("too few", {"requests": []}, ("requests", "Expected no request, and there was one request.")),
    ("fails in silence", {"event": "boom", "requests": []}, ("", "It failed (thrown): ")),
    ("another error", {"event": "boom", "error": "bang"}, ("error", "another one")),
    ("no failure", {"verdict": "failed"}, ("verdict", "it was delivered")),
    ("other lines", {"logs": []}, ("logs", "prints something else")),
    ("other result", {"result": 201}, ("result", "returns something else")),
    ("nothing", {}, ("", "expects nothing")),
    ("a bad answer", {"answers": [{"status": 1000}], "verdict": "failed"}, ("answers__0__status", "from 100 to 599")),
    ("an unknown list", {"cohorts": ["foes"], "skipped": True}, ("", "There is no cohort 'foes'")),
]  # fmt: skip


@pytest.fixture(scope="module")
def results():
    """What came of each case, by its name; they share a helper process, which takes a second to start."""
    cases = [{**CASE, **more, "name": name} for name, more, _ in CASES]
    return {result.name: result for result in ran({"d": {**OWN, "cases": cases}}, "d")}


def ran(destinations, key):
    async def go():
        bench = Bench({**FRIENDS, "destinations": destinations})
        try:
            assert bench.faults == []
            return await bench.run(key)
        finally:
            await bench.close()

    return asyncio.run(go())


@pytest.mark.parametrize(("name", "expected"), [(name, expected) for name, _, expected in CASES])
def test_a_case_is_judged(results, name, expected):
    """It passes when all that it says is so; else its author is told what is otherwise, and where they said so."""
    found = [(one.attr, one.text) for one in results[name].mismatches]
    if expected is None:
        assert found == []
        return
    ((attr, text),) = found
    place = next(n for n, (other, _, _) in enumerate(CASES) if other == name)
    assert attr == "__".join(part for part in ("cases", str(place), expected[0]) if part)
    assert expected[1] in text


def test_accounts_and_mappings_need_no_server():
    """An account is what the case says it is, or a stand-in; a mapping is looked at by its name."""
    slack = {
        "name": "Slack", "template": "template-slack", "inputs": {"slack_workspace": {"account": "Acme"}, "channel": "C1"},
        "cases": [
            {"name": "stood in for", "event": "x", "answers": [{"body": {"ok": True}}],
             "requests": [{"url": "https://slack.com/api/chat.postMessage",
                           "headers": {"Authorization": "Bearer <slack_workspace>", "Content-Type": "application/json"}}]},
            {"name": "described", "event": "x", "answers": [{"body": {"ok": True}}],
             "integrations": {"slack_workspace": {"access_token": "xoxb"}},
             "requests": [{"url": "https://slack.com/api/chat.postMessage",
                           "headers": {"Authorization": "Bearer xoxb", "Content-Type": "application/json"}}]},
        ],
    }  # fmt: skip
    mapped = {
        "name": "Mapped", "hog": "fetch(inputs.url, {'method': 'GET'})",
        "mappings": [
            {"name": "one", "events": ["a"], "inputs_schema": [{"key": "url", "type": "string"}], "inputs": {"url": "https://one.example"}},
            {"name": "two", "events": ["a", "b"], "inputs_schema": [{"key": "url", "type": "string"}], "inputs": {"url": "https://two.example"}},
        ],
        "cases": [
            {"name": "both", "event": "a", "requests": [{"method": "GET", "url": "https://one.example"}, {"method": "GET", "url": "https://two.example"}]},
            {"name": "the second", "event": "a", "mapping": "two", "requests": [{"method": "GET", "url": "https://two.example"}]},
            {"name": "not the first", "event": "b", "mapping": "one", "skipped": True},
        ],
    }  # fmt: skip
    for key in ("slack", "mapped"):
        assert [
            one.mismatches for one in ran({"slack": slack, "mapped": mapped}, key) if one.mismatches
        ] == []


def test_a_file_that_is_not_in_order_runs_nothing():
    """What is wrong with it is told as such; the others are tried all the same."""
    bench = Bench(
        {
            "destinations": {
                "bad": {"name": "Bad", "hog": "fetch("},
                "fine": {"name": "Fine", "hog": "return 1"},
            }
        }
    )
    assert [(fault.key, fault.attr) for fault in bench.faults] == [("bad", "hog")]
    assert asyncio.run(bench.run("bad")) == asyncio.run(bench.run("fine")) == []
