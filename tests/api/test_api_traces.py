"""Retracing a delivery over the API: each line that ran, on the answers that are known, without secrets and without sending."""

from __future__ import annotations

import uuid

from support.asgi import call

SECRET = "sk-canary-14142135"
HOG = """\
let res := fetch('https://example.com/pay', {'headers': {'Authorization': inputs.token}})
print('answered', res.status, res.body.why)
let again := fetch('https://example.com/more')
if (res.status >= 400) {
  throw Error(f'refused {inputs.token}')
}
"""
CONFIG = {
    "type": "destination", "name": "Payments", "enabled": True, "hog": HOG,
    "inputs_schema": [{"key": "token", "type": "string", "secret": True}], "inputs": {"token": {"value": SECRET}},
}  # fmt: skip


def traced(api, helpers, delivery, status=200):
    """The answer, on the loop that the helper belongs to."""
    runner, sandbox = helpers
    own, api.services.trials.sandbox = api.services.trials.sandbox, sandbox
    headers = {"authorization": f"Bearer {api.key}"}
    answer = runner.run(
        call(api.app.app, "GET", f"/api/projects/1/deliveries/{delivery}/trace/", None, headers)
    )
    api.services.trials.sandbox = own
    assert answer.status == status, answer.body
    return answer.json


def attempt(api, delivery, status, response, number=1):
    """A request of a delivery as the ledger keeps it."""
    row = (
        uuid.UUID(delivery).bytes,
        number,
        0,
        api.now,
        7,
        "POST",
        "https://example.com/pay",
        status,
        None,
        b"{}",
        response,
    )
    api.state.write_now(
        lambda c: c.execute("INSERT INTO delivery_attempts VALUES (?,?,?,?,?,?,?,?,?,?,?)", row)
    )


def test_each_line_is_shown_with_what_it_changed(api, helpers):
    """The last answer that the ledger kept is what the program gets; a call without one is answered by the retrace."""
    owner = api.call("POST", "hog_functions/", CONFIG).json["id"]
    delivery = api.deliver(owner, "paid", "failed", status=401)
    attempt(api, delivery, 503, b'{"headers": {}, "body": "busy"}')
    attempt(api, delivery, 401, b'{"headers": {"a": "b"}, "body": "{\\"why\\": \\"no key\\"}"}', 2)
    found = traced(api, helpers, delivery)
    assert [step["line"] for step in found["steps"]] == [1, 2, 3, 4, 5]
    assert "401" in found["steps"][0]["changed"]["res"]
    assert found["printed"] == ["answered 401 no key"]
    assert found["answers"] == {"journal": 0, "ledger": 1, "made_up": 1}
    assert (found["revision"], found["person_data"]) == (1, "as it is now")
    assert "refused" in found["error"]
    assert SECRET not in str(found)


def test_what_cannot_be_retraced_says_why(api, helpers):
    """Unknown deliveries, and those whose event is nowhere any more, answer 404."""
    owner = api.call("POST", "hog_functions/", CONFIG).json["id"]
    delivery = api.deliver(owner, "paid", "failed")
    traced(api, helpers, uuid.uuid4(), 404)
    api.log._records = [[] for _ in api.log._records]
    traced(api, helpers, delivery, 404)
