"""A request as a curl command: it says the same when a shell reads it."""

from __future__ import annotations

import shlex

from hedgerow.cli.curl import curl


def test_a_request_reads_the_same_in_a_shell():
    """Quotes, spaces and line breaks survive; what belongs to one connection or moment is left out."""
    request = {
        "method": "POST", "url": "https://example.com/a?b=c d",
        "request": {
            "headers": {"Content-Type": "application/json", "X-Say": "it's", "Content-Length": "9", "webhook-signature": "v1,x"},
            "body": '{"a": "don\'t\n$HOME"}',
        },
    }  # fmt: skip
    assert shlex.split(curl(request).replace(" \\\n", " ")) == [
        "curl", "-X", "POST", "https://example.com/a?b=c d", "-H", "Content-Type: application/json", "-H", "X-Say: it's",
        "--data-raw", '{"a": "don\'t\n$HOME"}',
    ]  # fmt: skip


def test_a_request_of_which_nothing_was_kept_is_still_a_command():
    """Method and address are always there."""
    assert (
        curl({"method": "GET", "url": "https://example.com/", "request": None})
        == "curl -X GET https://example.com/"
    )
