"""Back-testing a change over the API: who would get something else, what exactly, and that nothing is sent or written."""

from __future__ import annotations

import pytest

from support.asgi import call

HOG = "if (event.properties.boom) { throw Error('boom') }\nfetch('https://example.com/hook', {'headers': {'Authorization': f'Basic {inputs.token}'}, 'body': {'plan': event.properties.plan, 'at': toString(now()), 'id': generateUUIDv4()}})"
SECRET, OTHER = "sk-canary-17320508", "sk-canary-22360679"
CONFIG = {
    "type": "destination", "name": "Payments", "enabled": True, "hog": HOG,
    "inputs_schema": [{"key": "token", "type": "string", "secret": True}], "inputs": {"token": {"value": SECRET}},
    "filters": {"events": [{"id": "paid", "type": "events"}]},
}  # fmt: skip


@pytest.fixture
def tested(api, helpers):
    """Ask for a back-test, on the loop that the helper belongs to."""
    owner = api.call("POST", "hog_functions/", CONFIG).json["id"]
    for plan in ("free", "pro", "team"):
        api.capture("paid", plan=plan)
    api.capture("left")
    api.now += 1000

    def ask(status=200, **body):
        runner, sandbox = helpers
        headers = {"authorization": f"Bearer {api.key}"}
        path = f"/api/projects/1/hog_functions/{owner}/backtest/"
        own, api.services.trials.sandbox = api.services.trials.sandbox, sandbox
        answer = runner.run(call(api.app.app, "POST", path, body, headers))
        api.services.trials.sandbox = own
        assert answer.status == status, answer.body
        return answer.json

    ask.owner = owner
    return ask


def outcomes(answer):
    """The outcomes that there were."""
    return {outcome: number for outcome, number in answer["summary"].items() if number}


def test_what_is_not_changed_is_the_same(tested):
    """Clock and randomness are the same for both, so only changes differ."""
    answer = tested(configuration={"name": "Other name"})
    assert outcomes(answer) == {"same": 3}
    assert (answer["scanned"], answer["compared"], answer["cursor"], answer["changes"]) == (4, 3, None, [])


def test_a_changed_request_is_shown_as_a_difference(tested):
    """Places are counted, and the lines read like any diff."""
    answer = tested(configuration={"hog": HOG.replace("Basic", "Bearer")})
    assert outcomes(answer) == {"differs": 3}
    assert answer["changes"] == [{"place": "header authorization", "count": 3}]
    lines = answer["examples"][0]["diff"]
    assert any(line.startswith("-Authorization: Basic") for line in lines), lines
    assert any(line.startswith("+Authorization: Bearer") for line in lines), lines
    assert SECRET not in str(answer)


def test_a_changed_secret_is_told_and_not_shown(tested):
    """Neither the old nor the new one is in the answer."""
    answer = tested(configuration={"inputs": {"token": {"value": OTHER}}})
    assert outcomes(answer) == {"differs": 3}
    assert SECRET not in str(answer)
    assert OTHER not in str(answer)


def test_who_would_be_added_and_who_would_be_left_out_is_told_with_the_reason(tested):
    """The filter of the side that does not want an event is explained."""
    pro = {
        "events": [{"id": "paid", "type": "events"}],
        "properties": [{"key": "plan", "value": "pro", "operator": "exact"}],
    }
    answer = tested(configuration={"filters": pro})
    assert outcomes(answer) == {"same": 1, "would_not_send": 2}
    assert "'actual': 'team'" in str(answer["examples"][0]["filters"])
    more = {"events": [{"id": "paid", "type": "events"}, {"id": "left", "type": "events"}]}
    assert outcomes(tested(configuration={"filters": more})) == {"same": 3, "would_send": 1}


def test_a_change_that_fails_and_one_that_repairs_are_told(api, tested):
    """A failure comes first, with its error."""
    answer = tested(configuration={"hog": "throw Error('never')"})
    assert outcomes(answer) == {"would_fail": 3}
    assert "never" in str(answer["examples"][0]["errors"])
    api.capture("paid", plan="pro", boom=True)
    fixed = tested(configuration={"hog": HOG.partition("\n")[2]})
    assert outcomes(fixed) == {"same": 3, "repaired": 1}


def test_the_saved_draft_is_tested_when_nothing_is_sent(api, tested):
    """And without one there is nothing to test."""
    assert tested(400)["attr"] == "configuration"
    api.call(
        "PATCH",
        f"hog_functions/{tested.owner}/draft/",
        {"filters": {"events": [{"id": "left", "type": "events"}]}},
    )
    answer = tested()
    assert (outcomes(answer), answer["compared_with"]) == ({"would_send": 1, "would_not_send": 3}, "draft")


def test_events_are_chosen_by_number_time_and_cursor(api, tested):
    """The latest come first, and a cursor goes on where a page ended."""
    first = tested(configuration={}, events=2)
    assert (first["compared"], outcomes(first)) == (2, {"same": 2})
    rest = tested(configuration={}, events=2, cursor=first["cursor"])
    assert (rest["compared"], rest["cursor"]) == (1, None)
    assert tested(configuration={}, before="2020-01-01T00:00:00Z")["scanned"] == 0
    for wrong in ({"events": 0}, {"events": "x"}, {"after": "soon"}, {"cursor": "x"}, {"colour": "red"}):
        tested(400, configuration={}, **wrong)


def test_nothing_is_written(api, tested):
    """Ledger, log and telemetry are as they were."""

    def everything(connection):
        tables = (
            "deliveries",
            "delivery_attempts",
            "delivery_payloads",
            "telemetry_outbox",
            "replays",
            "destination_revisions",
        )
        return [connection.execute(f"SELECT count(*) FROM {table}").get for table in tables]

    before = api.state.read_now(everything)
    tested(configuration={"hog": HOG.replace("Basic", "Bearer")})
    assert api.state.read_now(everything) == before
