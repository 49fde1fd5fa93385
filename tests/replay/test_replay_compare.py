"""Differences between requests: what people read, and where they are."""

from __future__ import annotations

from hedgerow.replay.compare import Sent, compare


def sent(body="{}", url="https://example.com/", method="POST", shown=None, **headers):
    """A request; what is shown of it is what it is, unless something is hidden."""
    return Sent(method, url, headers, body, {"url": url, "headers": headers, "body": body, **(shown or {})})


def test_the_same_request_does_not_differ():
    """The order of keys in a JSON body and the length of it say nothing."""
    one = sent('{"a": 1, "b": [1, 2]}', **{"Content-Length": "21"})
    other = sent('{"b":[1,2],"a":1}', **{"content-length": "17"})
    assert not compare([one], [other])


def test_each_place_that_differs_is_named():
    """Method, address, headers, and the paths of a JSON body; the lines show old and new."""
    one = sent('{"plan": "free", "to": ["a", "b"], "gone": 1}', a="1", same="x")
    other = sent(
        '{"plan": "pro", "to": ["a", "c"], "new": null}', url="https://example.com/v2", a="2", same="x"
    )
    found = compare([one], [other])
    assert found.places == ["url", "header a", "body.plan", "body.to[1]", "body.gone", "body.new"]
    assert found.lines[:2] == ["--- now", "+++ then"]
    assert "-POST https://example.com/" in found.lines
    assert '-  "plan": "free",' in found.lines
    assert '+  "plan": "pro",' in found.lines


def test_numbers_and_truth_are_not_the_same():
    """1 is not true, though Python says so."""
    assert compare([sent("[1]")], [sent("[true]")]).places == ["body[0]"]


def test_text_bodies_are_compared_as_text():
    """A body that is no JSON differs as a whole, line by line for the reader."""
    found = compare([sent("a\nb")], [sent("a\nc")])
    assert found.places == ["body"]
    assert "-b" in found.lines


def test_a_secret_that_differs_is_told_and_not_shown():
    """The lines are the same without it, so a line of its own says where it is."""
    hidden = {"headers": {"Authorization": "***"}}
    found = compare([sent(shown=hidden, Authorization="one")], [sent(shown=hidden, Authorization="two")])
    assert found.places == ["header authorization"]
    assert found.lines == ["! a secret differs: header authorization"]


def test_requests_that_come_or_go_are_numbered():
    """With several requests, each is compared with the one in its place."""
    found = compare([sent()], [sent(), sent(url="https://example.com/second")])
    assert found.places == ["request 2 added"]
    assert compare([sent(), sent()], [sent()]).places == ["request 2 dropped"]
