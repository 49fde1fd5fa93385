"""Trying a destination over the API: what the answer tells, what it keeps to itself, and that nothing is sent."""

import base64
import json

import pytest

from hedgerow.delivery.transport import Response, TransportError
from hedgerow.destinations.secrets import Keyring
from hedgerow.replay.trial import Trials
from support.asgi import call

SECRET = "sk-canary-31415926"
HOG = """\
print('to', inputs.url)
let res := fetch(inputs.url, {
  'method': 'POST',
  'headers': {'Authorization': f'Bearer {inputs.token}'},
  'body': {'who': person.properties.email, 'plan': event.properties.plan}
})
if (res.status >= 400) {
  throw Error(f'refused: {res.status}')
}
return res.body
"""
SCHEMA = [
    {"key": "url", "type": "string", "required": True},
    {"key": "token", "type": "string", "secret": True},
]
GLOBALS = {
    "event": {"event": "paid", "distinct_id": "ada", "properties": {"plan": "pro"}},
    "person": {"properties": {"email": "ada@example.com"}},
}


class Wire:
    """A transport that answers from a list and remembers what it was given."""

    def __init__(self):
        self.requests, self.answers = [], []

    async def send(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else Response(200, {}, b'{"ok": true}')
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self):
        pass


@pytest.fixture
def wire(api):
    """What real calls go through."""
    made = Wire()
    api.services.trials._connect = lambda: made
    return made


def body(**fields):
    """A configuration that posts who paid."""
    config = {
        "type": "destination", "name": "Payments", "enabled": True, "hog": HOG, "inputs_schema": SCHEMA,
        "inputs": {"url": {"value": "https://example.com/{event.event}"}, "token": {"value": SECRET}},
        "filters": {"events": [{"id": "paid", "type": "events"}], "properties": [{"key": "plan", "value": ["pro", "team"]}]},
    }  # fmt: skip
    return {"configuration": {**config, **fields.pop("configuration", {})}, **fields}


@pytest.fixture(autouse=True)
def trying(api, helpers):
    """Let the API use them."""
    api.runner, api.services.trials.sandbox = helpers


def asked(api, method, path, request=None, key=None):
    """An answer of the API, on the loop that the helper belongs to."""
    headers = {"authorization": f"Bearer {key or api.key}"}
    return api.runner.run(
        call(api.app.app, method, f"/api/projects/1/hog_functions/{path}", request, headers)
    )


def tried(api, request, destination="new", status=200):
    """The answer of a trial."""
    answer = asked(api, "POST", f"{destination}/invocations/", request)
    assert answer.status == status, answer.body
    return answer.json


def saved(api, **fields):
    """A saved destination's id."""
    answer = api.call("POST", "hog_functions/", body(**fields)["configuration"])
    assert answer.status == 201, answer.body
    return answer.json["id"]


def test_a_draft_shows_what_it_would_send(api, wire):
    """Mocked by default: rendered inputs, the request with its line, the answer, printed lines, result and timings."""
    answer = tried(api, body(globals=GLOBALS, invocation_id="0192b7a0-0000-7000-8000-000000000001"))
    assert (answer["status"], answer["errors"], answer["mocked"], answer["hosts"]) == (
        "success",
        [],
        True,
        [],
    )
    (run,) = answer["invocations"]
    assert run["inputs"] == {"url": "https://example.com/paid", "token": "***REDACTED***"}
    assert run["printed"] == ["to https://example.com/paid"]
    (request,) = run["requests"]
    assert (request["method"], request["url"], request["status"], request["line"]) == (
        "POST", "https://example.com/paid", 200, 2,
    )  # fmt: skip
    assert json.loads(request["request"]["body"]) == {"who": "ada@example.com", "plan": "pro"}
    assert request["request"]["headers"] == {
        "Authorization": "Bearer ***REDACTED***",
        "webhook-id": "0192b7a0-0000-7000-8000-000000000001",
    }
    assert request["response"]["body"] == "{}"
    assert run["result"] == answer["result"] == {}
    assert set(run["timings"]) == {"total_ms", "hog_ms", "fetch_ms"}
    assert answer["event"]["origin"] == "given"
    assert answer["globals"]["source"]["name"] == "Payments"
    assert not wire.requests


def test_the_log_tells_everything_in_order(api):
    """What was printed, what would be sent, and how long it took, for clients that read nothing but PostHog's fields."""
    logs = tried(api, body(globals=GLOBALS))["logs"]
    assert [line["level"] for line in logs] == ["info", "info", "info", "debug"]
    assert logs[0]["message"] == "to https://example.com/paid"
    assert logs[2]["message"].startswith("POST https://example.com/paid\n{")
    assert [line["timestamp"] for line in logs] == sorted(line["timestamp"] for line in logs)


def test_the_secret_is_nowhere_in_the_answer(api, wire):
    """Not in inputs, requests, answers, lines, results or traces, however it is dressed up; a vendor's echo included."""
    echo = Response(200, {"x-echo": SECRET}, json.dumps({"echo": SECRET}).encode())
    hog = HOG.replace(
        "return res.body",
        "print(base64Encode(inputs.token), inputs)\nlet copy := inputs.token\nreturn [copy, res.body]",
    )
    wire.answers = [echo]
    draft = body(
        configuration={"hog": hog}, globals=GLOBALS, mock_async_functions=False, trace=True, mock_answers=[]
    )
    answer = tried(api, draft)
    assert answer["status"] == "success"
    assert wire.requests[0].headers["Authorization"] == f"Bearer {SECRET}"
    shown = json.dumps(answer)
    assert SECRET not in shown
    assert base64.b64encode(SECRET.encode()).decode() not in shown
    assert answer["result"] == ["***REDACTED***", {"echo": "***REDACTED***"}]


def test_an_event_that_does_not_match_says_which_condition(api):
    """Skipped, and every condition with what it met."""
    request = body(globals={"event": {"event": "paid", "properties": {"plan": "free"}}})
    answer = tried(api, request)
    assert (answer["status"], answer["invocations"], answer["result"]) == ("skipped", [], None)
    told = answer["filters"]["filter"]["clauses"]
    assert [(clause["text"], clause["matched"], clause["actual"]) for clause in told] == [
        ('the event is "paid"', True, "paid"),
        ('event property plan is "pro" or "team"', False, "free"),
    ]
    assert "does not match" in answer["logs"][0]["message"]


def test_calls_are_answered_as_the_tester_says(api):
    """By turn or by address; a failure is a failure as in a delivery, and is not tried again."""
    answers = [{"url": "https://other/", "status": 201}, {"status": 503, "body": {"why": "maintenance"}}]
    answer = tried(api, body(globals=GLOBALS, mock_answers=answers))
    (run,) = answer["invocations"]
    assert (answer["status"], run["kind"], len(run["requests"])) == ("error", "http_5xx", 1)
    assert json.loads(run["requests"][0]["response"]["body"]) == {"why": "maintenance"}
    assert answer["errors"] == ["POST https://example.com/paid answered 503."]
    assert answer["notes"] == ["Live, the call that failed would be tried again."]
    answer = tried(api, body(globals=GLOBALS, mock_answers=[{"error": "timeout"}]))
    assert answer["invocations"][0]["kind"] == "timeout"


def test_real_calls_are_made_once_and_named(api, wire):
    """With the explicit flag only; the answer names the hosts, and the audit log who did it."""
    answer = tried(api, body(globals=GLOBALS, mock_async_functions=False))
    assert (answer["mocked"], answer["hosts"], answer["result"]) == (False, ["example.com"], {"ok": True})
    (sent,) = wire.requests
    (shown,) = answer["invocations"][0]["requests"]
    assert (shown["method"], shown["url"], shown["request"]["body"]) == (
        sent.method,
        sent.url,
        sent.body.decode(),
    )
    wire.answers = [TransportError("egress", "127.0.0.1 is a loopback address.", retriable=False)]
    answer = tried(api, body(globals=GLOBALS, mock_async_functions=False))
    assert (answer["status"], answer["hosts"]) == ("error", [])
    done = api.state.read_now(lambda c: c.execute("SELECT activity FROM audit").fetchall())
    assert done == [("tested",), ("tested",)]


def test_nothing_is_kept(api, wire):
    """No row of the ledger, no event, no log line, no metric."""
    hog = HOG.replace("return res.body", "postHogCapture({'event': 'seen', 'distinct_id': 'x'})")
    identity = saved(api, configuration={"hog": hog})
    answer = tried(api, {"globals": GLOBALS, "mock_async_functions": False}, identity)
    assert answer["invocations"][0]["captured"][0]["event"] == "seen"
    tables = ("deliveries", "delivery_attempts", "delivery_payloads", "telemetry_outbox", "internal_outbox")
    for table in tables:
        assert api.state.read_now(lambda c, table=table: c.execute(f"SELECT count(*) FROM {table}").fetchone()) == (0,)  # fmt: skip
    assert not any(api.log._records.values())


def test_a_saved_destination_keeps_its_secret_in_a_draft(api):
    """``{"secret": true}`` takes the saved value, fields that are left out are as saved, and nothing is saved."""
    identity = saved(api)
    draft = {
        "inputs": {"url": {"value": "https://example.com/draft"}, "token": {"secret": True}},
        "filters": {"events": [{"id": "other"}]},
    }
    answer = tried(
        api,
        {"configuration": draft, "event": "other", "person": None, "groups": {"company": "acme"}},
        identity,
    )
    (request,) = answer["invocations"][0]["requests"]
    assert (request["url"], request["request"]["headers"]["Authorization"]) == (
        "https://example.com/draft",
        "Bearer ***REDACTED***",
    )
    assert answer["globals"]["groups"]["company"]["id"] == "acme"
    assert api.get(f"hog_functions/{identity}/")["revision"] == 1


def test_a_trial_says_what_a_threshold_or_a_digest_would_make_of_the_event(api):
    """The program runs all the same, with a list of one; live, such an event would only count."""
    hog = "return f'{digest.count} {arrayMap(e -> e.event, events)} {digest.is_summary}'"
    threshold, digest = {"count": 3, "window": 600}, {"interval": 3600}
    identity = saved(api, configuration={"hog": hog, "threshold": threshold, "digest": digest})
    answer = tried(api, {"globals": GLOBALS}, identity)
    assert answer["result"] == "1 ['paid'] false"
    assert answer["notes"][-1] == "Now, for such an event: It would count: 1 of 3 within 10 minutes."
    assert "only the last of 3 such events within 10 minutes is sent" in answer["notes"][-3]


def test_each_mapping_that_matches_is_an_invocation(api):
    """With inputs and an id of its own; the others are explained."""
    mappings = [
        {"name": "A", "inputs_schema": [{"key": "x", "type": "string"}], "inputs": {"x": {"value": "a"}}, "filters": {"events": [{"id": "paid"}]}},
        {"name": "B", "inputs_schema": [], "inputs": {}, "filters": {"events": [{"id": "left"}]}},
        {"name": "C", "inputs_schema": [{"key": "x", "type": "string"}], "inputs": {"x": {"value": "c"}}, "filters": {"events": [{"id": "paid"}]}},
    ]  # fmt: skip
    config = {"mappings": mappings, "filters": None, "hog": "fetch(f'https://example.com/{inputs.x}')"}
    answer = tried(api, body(configuration=config, globals=GLOBALS))
    runs = answer["invocations"]
    assert [(run["mapping"]["name"], run["requests"][0]["url"]) for run in runs] == [
        ("A", "https://example.com/a"),
        ("C", "https://example.com/c"),
    ]
    assert len({run["id"] for run in runs}) == 2
    assert [one["matched"] for one in answer["filters"]["mappings"]] == [True, False, True]
    assert answer["logs"][0]["message"] == "Mapping 'B' does not match."


def test_real_events_can_be_chosen(api):
    """By uuid, or the latest that matches; with their persons, and never those of another project."""
    api.capture("paid", plan="free")
    _, _, wanted = api.capture("paid", plan="team")
    _, _, other = api.capture("left")
    answer = tried(api, body(latest=True))
    assert (answer["event"]["uuid"], answer["event"]["origin"]) == (wanted, "stored")
    assert json.loads(answer["invocations"][0]["requests"][0]["request"]["body"])["plan"] == "team"
    assert tried(api, body(event_uuid=other))["status"] == "skipped"
    missing = tried(api, body(event_uuid="0192b7a0-0000-7000-8000-000000000001"), status=404)
    assert "no event" in missing["detail"]


def test_a_sample_is_made_to_match(api):
    """Made of what the filters ask for; the person could be somebody."""
    answer = tried(api, body(sample=True))
    assert (answer["status"], answer["event"]["event"]) == ("success", "paid")
    assert json.loads(answer["invocations"][0]["requests"][0]["request"]["body"]) == {
        "who": "ada@example.com",
        "plan": "pro",
    }


def test_a_row_of_clickhouse_is_an_event(api):
    """As PostHog's own pages send it: properties and person as JSON texts."""
    row = {
        "uuid": "0192b7a0-0000-7000-8000-000000000001", "event": "paid", "team_id": 1, "distinct_id": "d",
        "properties": '{"plan": "pro"}', "elements_chain": "", "timestamp": "2026-05-28 20:26:40.000000",
        "person_id": "0192b7a0-0000-7000-8000-000000000002", "person_properties": '{"email": "x@y"}',
    }  # fmt: skip
    answer = tried(api, body(clickhouse_event=row))
    assert answer["globals"]["event"]["timestamp"] == "2026-05-28T20:26:40.000Z"
    assert json.loads(answer["invocations"][0]["requests"][0]["request"]["body"])["who"] == "x@y"


def test_a_trace_shows_each_statement(api):
    """On request: lines that ran, what they changed, without secrets."""
    answer = tried(api, body(globals=GLOBALS, trace=True))
    steps = answer["invocations"][0]["trace"]["steps"]
    assert [step["line"] for step in steps] == [1, 2, 7, 10]
    assert steps[1]["changed"]["res"].startswith("{'status': 200")
    assert tried(api, body(globals=GLOBALS))["invocations"][0]["trace"] is None


def test_a_program_that_never_ends_is_ended(api):
    """Within its limit; the error says where, and the next trial is served."""
    loop = body(configuration={"hog": "let n := 0\nwhile (true) {\n  n := n + 1\n}"}, globals=GLOBALS)
    answer = tried(api, loop)
    assert (answer["status"], answer["invocations"][0]["kind"]) == ("error", "limit_time")
    assert tried(api, body(globals=GLOBALS))["status"] == "success"


def test_values_that_json_does_not_have_are_shown_all_the_same(api):
    """Integers of any length, halves of characters, functions, dates: an answer comes whatever a program gives."""
    hog = """\
let half := substring('a😀b', 2, 1)
let huge := 9007199254740993 * 9007199254740993 * 9007199254740993
print(half, huge)
fetch(inputs.url, {'method': half, 'headers': {half: half}, 'body': {'half': half, 'huge': huge}})
return [half, huge, toDate('2026-01-02'), x -> x, -huge, 1 / 0]"""
    filters = {"properties": [{"type": "hogql", "key": "substring('a😀b', 2, 1)"}]}
    answer = tried(api, body(configuration={"hog": hog, "filters": filters}, globals=GLOBALS, trace=True))
    (run,) = answer["invocations"]
    assert len(run["result"]) == 6
    assert run["trace"]["steps"]
    assert answer["filters"]["filter"]["actual"].startswith("\\ud")


def test_sleeping_is_not_waited_for(api):
    """An hour passes at once, and what follows it is shown."""
    hog = "print('before')\nsleep(3600)\nprint('after')\nfetch(inputs.url)"
    answer = tried(api, body(configuration={"hog": hog}, globals=GLOBALS))
    assert answer["invocations"][0]["printed"] == ["before", "after"]
    assert [line["message"] for line in answer["logs"]][:3] == [
        "before",
        "sleep(3600): a test does not wait.",
        "after",
    ]


def test_a_refused_configuration_is_told_by_field(api):
    """Nested as PostHog's test endpoint has it, and in the envelope of all other errors."""
    answer = tried(api, body(configuration={"inputs": {}}, globals=GLOBALS), status=400)
    assert answer["inputs"] == {"url": ["This field is required."]}
    assert (answer["code"], answer["attr"]) == ("invalid_input", "inputs__url")


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({}, "globals"),
        ({"globals": {}}, "globals__event__event"),
        ({"globals": {"event": {"event": "x", "properties": []}}}, "globals__event__properties"),
        ({"globals": {"event": "x", "person": 1}}, "globals__person"),
        ({"globals": {"event": {"event": "x", "timestamp": "soon"}}}, "globals__event__timestamp"),
        ({"globals": GLOBALS, "mock_answers": [{"status": 42}]}, "mock_answers__0__status"),
        ({"globals": GLOBALS, "mock_answers": [{"error": "bored"}]}, "mock_answers__0__error"),
        ({"globals": GLOBALS, "mock_async_functions": "no"}, "mock_async_functions"),
        ({"globals": GLOBALS, "invocation_id": "x"}, "invocation_id"),
        ({"event_uuid": "x"}, "event_uuid"),
        ({"clickhouse_event": {"event": "x", "properties": "{"}}, "clickhouse_event__properties"),
        ({"sampel": True}, "sampel"),
        ({"globals": GLOBALS, "use_draft": 1}, "use_draft"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(api, fields, attr):
    """Each fault names its field."""
    assert tried(api, body(**fields), status=400)["attr"] == attr


def test_posthogs_addresses_work(api):
    """``environments`` for ``projects``, ``@current``, with and without the slash at the end."""
    headers = {"authorization": f"Bearer {api.key}"}
    for path in (
        "/api/environments/1/hog_functions/new/invocations",
        "/api/projects/@current/hog_functions/new/invocations/",
    ):
        answer = api.runner.run(call(api.app.app, "POST", path, body(globals=GLOBALS), headers))
        assert (answer.status, answer.json["status"]) == (200, "success")


def test_unknown_destinations(api):
    """An id that nobody knows is a new one if there is a configuration, and not found without."""
    unknown = "0192b7a0-0000-7000-8000-000000000009"
    assert tried(api, body(globals=GLOBALS), unknown)["status"] == "success"
    tried(api, {"globals": GLOBALS}, unknown, status=404)
    assert tried(api, {"globals": GLOBALS}, status=400)["attr"] == "configuration"


def test_events_that_match_can_be_listed(api):
    """The latest first, for saved destinations and drafts alike."""
    identity = saved(api)
    _, _, first = api.capture("paid", plan="pro")
    api.capture("paid", plan="free")
    _, _, second = api.capture("paid", plan="team")

    def listed(method, path, request=None):
        answer = asked(api, method, path, request)
        assert answer.status == 200, answer.body
        return answer.json

    page = listed("GET", f"{identity}/matching_events/")
    assert [event["uuid"] for event in page["results"]] == [second, first]
    assert (page["scanned"], page["cursor"]) == (3, None)
    page = listed("GET", f"{identity}/matching_events/?limit=1")
    assert [event["uuid"] for event in page["results"]] == [second]
    page = listed("GET", f"{identity}/matching_events/?limit=1&cursor={page['cursor']}")
    assert [event["uuid"] for event in page["results"]] == [first]
    for _ in range(3):
        api.capture("paid", plan="team", note="x" * 900_000)
    page = listed("GET", f"{identity}/matching_events/?after=-7d&event=paid")
    assert [len(event["properties"].get("note", "")) for event in page["results"]] == [900_000] * 3 + [0, 0]
    draft = body(configuration={"filters": {"properties": [{"key": "plan", "value": "free"}]}})
    assert len(listed("POST", "new/matching_events/", draft)["results"]) == 1


def test_trials_take_the_settings_of_deliveries(api):
    """Time-outs, caps and the guard are the instance's."""
    trials = Trials.of(api.services.settings)
    assert trials._options.timeout_s == api.services.settings.fetch_timeout_s
    assert trials.limits.fetches == api.services.settings.max_fetches


def test_the_saved_draft_can_be_tried(api):
    """As it would be once it is published; without one there is nothing to try."""
    identity = saved(api)
    assert tried(api, {"globals": GLOBALS, "use_draft": True}, identity, status=400)["attr"] == "use_draft"
    draft = {
        "name": "Better payments",
        "inputs": {"url": {"value": "https://draft.example.com/"}, "token": {"secret": True}},
    }
    assert api.call("PATCH", f"hog_functions/{identity}/draft/", draft).status < 300
    answer = tried(api, {"globals": GLOBALS, "use_draft": True}, identity)
    (request,) = answer["invocations"][0]["requests"]
    assert (request["url"], request["request"]["headers"]["Authorization"]) == (
        "https://draft.example.com/",
        "Bearer ***REDACTED***",
    )
    assert answer["globals"]["source"]["name"] == "Better payments"
    answer = tried(api, {"globals": GLOBALS}, identity)
    assert answer["invocations"][0]["requests"][0]["url"] == "https://example.com/paid"


def test_unreadable_secrets_are_said_to_be(api):
    """With another key nothing can be redacted, so nothing is shown."""
    identity = saved(api)
    object.__setattr__(api.services, "keyring", Keyring(["another key that is long enough"]))
    assert tried(api, {"globals": GLOBALS}, identity, status=409)["code"] == "unreadable"
    changed = {"configuration": {"name": "Other"}, "globals": GLOBALS}
    assert tried(api, changed, identity, status=409)["code"] == "unreadable"


def test_too_many_trials_are_put_off(api):
    """Whoever comes when many wait is told to come back, at once."""
    api.services.trials._here = 1000
    assert tried(api, body(globals=GLOBALS), status=429)["type"] == "throttled_error"


def test_notes_tell_where_live_traffic_differs(api):
    """Off, sampled, masked, or without a mapping: what a test leaves aside is said."""
    config = {
        "enabled": False, "sampling": {"percentage": 0.000001}, "masking": {"hash": "{event.event}", "ttl": 60}
    }  # fmt: skip
    assert tried(api, body(configuration=config, globals=GLOBALS))["notes"] == [
        "The destination is off: live events do not reach it.",
        "Live, this event would not be in the sample that is delivered.",
        "Live, a repetition may be masked; a test never is.",
    ]
    answer = tried(api, body(configuration={"mappings": [], "filters": None}, globals=GLOBALS))
    assert (answer["status"], answer["notes"]) == (
        "skipped",
        ["It has no mapping that is on, so it wants no event."],
    )


def test_stored_events_need_a_key_for_events(api):
    """Whoever may try destinations sees no captured event thereby; what they write themselves is theirs."""
    identity = saved(api)
    key = api.make_key("hog_function:write", "hog_function:read")
    api.capture("paid", plan="pro")
    path = f"{identity}/invocations/"
    assert asked(api, "POST", path, {"globals": GLOBALS}, key).status == 200
    assert asked(api, "POST", path, {"latest": True}, key).status == 403
    assert asked(api, "POST", path, {"event_uuid": identity}, key).status == 403
    assert asked(api, "GET", f"{identity}/matching_events/", None, key).status == 403
    reader = api.make_key("hog_function:read", "event:read", "person:read")
    assert asked(api, "POST", path, {"globals": GLOBALS}, reader).status == 403
    assert asked(api, "GET", f"{identity}/matching_events/", None, reader).status == 200
