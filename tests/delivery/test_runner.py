"""One run at a time: what a program does, and the outcome that is settled."""

from __future__ import annotations

import gc
import json
import random
import uuid
from dataclasses import dataclass, field

import pytest

from hedgerow.delivery.identity import delivery_id, text
from hedgerow.delivery.invocation import Attempt, Invocation
from hedgerow.delivery.ledger import _attempt_row
from hedgerow.delivery.retry import RetryPolicy
from hedgerow.delivery.runner import Runner
from hedgerow.delivery.state import pack_journal, unpack_journal
from hedgerow.delivery.transport import Request, Response, TransportError
from hedgerow.delivery.world import Options, World
from hedgerow.destinations import CompiledDestination, Config, Destination, Keyring, Project, Secrets
from hedgerow.destinations.connections import Connected
from hedgerow.hog import HogThrown
from hedgerow.log.memory import MemoryLog

NOW = 1_767_323_045.0
EVENT = uuid.UUID(int=7, version=4)
GLOBALS = {
    "project": {"id": 1, "name": "Test", "url": "http://h/project/1"},
    "event": {"event": "signed up", "uuid": str(EVENT), "distinct_id": "ann", "properties": {"plan": "pro"}},
    "person": {"properties": {"email": "ann@example.com"}},
    "groups": {},
}


@dataclass
class Network:
    """Answers with what it is given, in order, then with 200."""

    answers: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    async def send(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else Response(200, {}, b'{"ok":true}')
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self):
        pass


class Bench:
    """A runner in a small world."""

    def __init__(
        self, tmp_path, hog, *, answers=(), inputs=None, secrets=None, schema=None, **options
    ) -> None:
        self.network = Network(list(answers))
        self.log = MemoryLog(1)
        self.keyring = Keyring.load("", tmp_path)
        self.now = NOW
        self.world = world = World(
            now=lambda: self.now,
            chance=random.Random(1),
            log=self.log,
            store=None,
            transport=self.network,
            sealer=self.keyring,
        )
        self.runner = Runner(world, Options(retry=RetryPolicy((1.0, 2.0, 4.0), jitter=0.0), **options))
        config = Config(name="d", enabled=True, hog=hog, inputs=inputs or {}, inputs_schema=schema or [])
        identity = str(uuid.UUID(int=9))
        sealed = Secrets(inputs=secrets or {}).seal(self.keyring, identity)
        self.compiled = CompiledDestination(
            Destination(identity, 1, 3, config, sealed, 0, 0, None), self.keyring, Project(1)
        )
        self.invocation = Invocation(
            delivery_id(1, EVENT.bytes, bytes(16)),
            1,
            bytes(16),
            1,
            "",
            "",
            0,
            1,
            EVENT.bytes,
            "signed up",
            "ann",
            1,
            1,
            GLOBALS,
        )

    async def run(self):
        return await self.runner.run(self.invocation, self.compiled)

    def reload(self) -> None:
        """What a worker finds when it loads the row again."""
        packed = pack_journal(self.invocation, self.keyring)
        self.invocation.journal, self.invocation.tries, self.invocation.printed = unpack_journal(
            packed, self.invocation.id, self.keyring
        )


@pytest.fixture
def bench(tmp_path):
    return lambda hog, **more: Bench(tmp_path, hog, **more)


async def test_a_successful_call_is_a_delivery(bench):
    """The request is what the program asked for, named after the delivery; the verdict is delivered."""
    b = bench("fetch('https://x.test/h', {'body': {'plan': event.properties.plan, 'n': 6.0}})")
    outcome = await b.run()
    assert outcome.verdict == "delivered"
    assert outcome.status == 200
    (request,) = b.network.requests
    assert request.method == "POST"
    assert request.body == b'{"plan":"pro","n":6}'
    assert request.headers == {"Content-Type": "application/json", "webhook-id": text(b.invocation.id)}
    assert b.invocation.revision == 3


async def test_a_retry_repeats_only_the_call_that_failed(bench):
    """Calls that succeeded are answered from the journal, printed lines are logged once, ids stay the same."""
    b = bench(
        "print('start'); let a := fetch('https://x.test/a', {'body': generateUUIDv4()}); print('between', a.body.n);"
        "let b := fetch('https://x.test/b', {'body': a.body}); print(b.status)",
        answers=[Response(200, {}, b'{"n":1}'), Response(503), Response(200, {}, b"{}")],
    )
    first = await b.run()
    assert (first.verdict, first.kind) == ("retrying", "http_5xx")
    assert first.next_at == int(NOW * 1000) + 1000
    b.reload()
    second = await b.run()
    assert second.verdict == "delivered"
    assert [request.url[-1] for request in b.network.requests] == ["a", "b", "b"]
    names = [request.headers["webhook-id"] for request in b.network.requests]
    assert names == [text(b.invocation.id), f"{text(b.invocation.id)}-1", f"{text(b.invocation.id)}-1"]
    messages = [line.message for line in (*first.lines, *second.lines) if line.level == "info"]
    assert messages == ["start", "between 1", "200"]
    assert b.invocation.attempts == 3


async def test_the_last_attempt_decides(bench):
    """After the last retry the program goes on with what came back, and the run has failed."""
    b = bench("let r := fetch('https://x.test/'); print('got', r.status)", answers=[Response(500)] * 4)
    for _ in range(3):
        assert (await b.run()).verdict == "retrying"
        b.reload()
    outcome = await b.run()
    assert (outcome.verdict, outcome.kind, outcome.status) == ("failed", "http_5xx", 500)
    assert outcome.lines[-1].message == "got 500"


async def test_a_conflict_followed_by_a_good_call_is_delivered(bench):
    """Only the last call counts: a 409 that the program handles is no failure."""
    b = bench(
        "let r := fetch('https://x.test/create'); if (r.status = 409) { fetch('https://x.test/update') }",
        answers=[Response(409)],
    )
    assert (await b.run()).verdict == "delivered"


async def test_a_failure_before_a_pause_is_remembered(bench):
    """A failed last call still decides the verdict when the program slept after it and was resumed."""
    b = bench("let r := fetch('https://x.test/'); sleep(30); print('woke')", answers=[Response(404)])
    first = await b.run()
    assert first.verdict == "scheduled"
    assert first.next_at == int(NOW * 1000) + 30_000
    b.reload()
    second = await b.run()
    assert (second.verdict, second.kind) == ("failed", "http_4xx")
    assert [line.message for line in second.lines] == ["woke"]


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TransportError("timeout", "no answer", retriable=True), "retrying"),
        (TransportError("egress", "10.0.0.1 is private", retriable=False), "failed"),
    ],
)
async def test_no_response_is_tried_again_when_that_can_help(bench, error, verdict):
    """A time-out is retried; what the guard refused is not, and the ledger says which it was."""
    b = bench("let r := fetch('https://x.test/'); print(r.status, r.body.error)", answers=[error])
    outcome = await b.run()
    assert (outcome.verdict, outcome.kind, outcome.status) == (verdict, error.kind, None)
    assert outcome.attempts[0].error == str(error)


@pytest.mark.parametrize(
    ("hog", "kind"),
    [
        ("throw Error('no')", "thrown"),
        ("print(jsonParse('{'))", "hog"),
        ("let i := 0; while (true) { i := i + 1 }", "limit_time"),
        ("for (let i in [1, 2, 3]) { fetch('https://x.test/') }", "limit_fetch"),
        ("fetch(12)", "hog"),
        ("fetch('https://x.test/', 'x')", "hog"),
        ("sleep('long')", "hog"),
        ("postHogCapture({})", "hog"),
    ],
)
async def test_what_a_program_does_wrong_is_its_verdict(bench, hog, kind):
    """Thrown errors, limits and wrong arguments end the run as failed, with a message that shows the place."""
    outcome = await bench(hog).run()
    assert (outcome.verdict, outcome.kind) == ("failed", kind)
    assert "line 1" in outcome.error
    assert outcome.lines[-1].level == "error"


async def test_an_input_that_fails_names_itself(bench):
    """A template that throws is a failed delivery that says which input it was."""
    b = bench(
        "fetch(inputs.url)",
        inputs={"url": {"value": "https://x.test/{jsonParse('x')}", "templating": "hog"}},
        schema=[{"key": "url", "type": "string"}],
    )
    outcome = await b.run()
    assert (outcome.verdict, outcome.kind) == ("failed", "inputs")
    assert "url" in outcome.error


async def test_secrets_never_reach_the_records(bench):
    """Log lines, errors, recorded requests and responses have a marker where a secret stood, also when a vendor echoes it."""
    b = bench(
        "print('key', inputs.key); fetch('https://x.test/?k=' || inputs.key, {'headers': {'Authorization': 'Bearer ' || inputs.key}})",
        inputs={"key": {"secret": True}},
        secrets={"key": {"value": "s3cr3t-value"}},
        schema=[{"key": "key", "type": "string", "secret": True}],
        answers=[Response(401, {}, b"bad key s3cr3t-value")],
    )
    outcome = await b.run()
    assert b.network.requests[0].headers["Authorization"] == "Bearer s3cr3t-value"
    told = repr([outcome.error, outcome.lines, [_attempt_row(attempt) for attempt in outcome.attempts]])
    assert "s3cr3t" not in told
    assert "REDACTED" in told


async def test_captured_events_go_back_into_the_log(bench):
    """postHogCapture appends an event whose uuid is the same when the run is repeated."""
    b = bench("postHogCapture({'event': 'followed up', 'distinct_id': 'bob', 'properties': {'a': 1}})")
    for _ in range(2):
        b.invocation.journal = []
        assert (await b.run()).verdict == "delivered"
    one, two = [record.decode() for record in await b.log.read(0, 0, records=10, size=10_000)]
    assert (one.event, one.distinct_id) == ("followed up", "bob")
    assert one.properties == {"a": 1, "$hog_function_execution_count": 1}
    assert one.uuid == two.uuid


async def test_captures_in_a_circle_are_stopped(bench):
    """An event that came from ten captures in a row makes no more, and the log says so."""
    b = bench("postHogCapture({'event': 'again'})")
    b.invocation.globals = {
        **GLOBALS,
        "event": {**GLOBALS["event"], "properties": {"$hog_function_execution_count": 10}},
    }
    outcome = await b.run()
    assert outcome.verdict == "delivered"
    assert outcome.lines[0].level == "warn"
    assert outcome.lines[0].message.startswith("postHogCapture stopped 'again'")
    assert await b.log.end(0) == 0


async def test_summaries_that_feed_each_other_are_stopped(bench):
    """Of a summary that event counts which came from most captures."""
    b = bench("postHogCapture({'event': 'again'})")
    tenth = {**GLOBALS["event"], "properties": {"$hog_function_execution_count": 10}}
    b.invocation.summary = {"events": [GLOBALS["event"], tenth], "digest": {"count": 2}}
    outcome = await b.run()
    assert "came from 10 captures in a row" in outcome.lines[0].message
    assert await b.log.end(0) == 0


async def test_declared_statuses_are_no_failure(bench):
    """A destination may declare a status as no failure; it is logged as information."""
    b = bench(
        "fetch('https://x.test/')",
        inputs={"ok": {"value": ["4xx"]}},
        schema=[{"key": "ok", "type": "non_failure_status_codes"}],
        answers=[Response(422)],
    )
    outcome = await b.run()
    assert outcome.verdict == "delivered"
    assert outcome.lines[0].level == "info"


async def test_long_bodies_are_recorded_in_part(bench):
    """The ledger keeps the beginning of a body and its whole length."""
    b = bench("fetch('https://x.test/', {'body': 'abcdefghij'})", answers=[Response(500)], body_excerpt=4)
    (attempt,) = (await b.run()).attempts
    kept = json.loads(_attempt_row(attempt)[8])
    assert kept["body"] == "abcd… (10 bytes in all)"


class Renewal:
    """Gives another token, or has none."""

    def __init__(self, bench, *tokens):
        self._bench, self._tokens, self.asked = bench, list(tokens), []
        bench.world.renew = self.renew
        self.take()

    def take(self):
        known = Connected(3, 1, "acme", {"access_token": self._tokens.pop(0)})
        self._bench.keyring.connections.replace([known])

    async def renew(self, numbers):
        self.asked.append(set(numbers))
        if not self._tokens:
            return False
        self.take()
        return True


CALL = "fetch('https://x.test/', {'headers': {'Authorization': f'Bearer {inputs.account.access_token}'}})"
ACCOUNT = {
    "inputs": {"account": {"value": 3}},
    "schema": [{"key": "account", "type": "integration", "label": "Account"}],
}


async def test_a_refused_token_is_renewed_and_the_call_made_again(bench):
    """The second attempt goes out with the new token, at once."""
    b = bench(CALL, answers=[Response(401)], **ACCOUNT)
    renewal = Renewal(b, "old-token", "new-token")
    first = await b.run()
    assert (first.verdict, first.kind, first.next_at) == ("retrying", "http_4xx", int(NOW * 1000))
    b.reload()
    assert (await b.run()).verdict == "delivered"
    assert [r.headers["Authorization"] for r in b.network.requests] == [
        "Bearer old-token",
        "Bearer new-token",
    ]
    assert renewal.asked == [{3}]
    assert "old-token" not in repr(first.lines)


async def test_a_token_that_is_refused_again_is_a_failure(bench):
    """There is one renewal per call."""
    b = bench(CALL, answers=[Response(401), Response(401)], **ACCOUNT)
    renewal = Renewal(b, "old-token", "new-token", "never asked for")
    await b.run()
    b.reload()
    outcome = await b.run()
    assert (outcome.verdict, outcome.kind, len(renewal.asked)) == ("failed", "http_4xx", 1)


async def test_without_another_token_a_refusal_is_a_failure(bench):
    """Nothing is tried again."""
    b = bench(CALL, answers=[Response(401)], **ACCOUNT)
    Renewal(b, "old-token")
    assert (await b.run()).verdict == "failed"


async def test_what_a_program_throws_is_freed_at_once(bench):
    """Nothing of a delivery that failed in its program waits for the collector."""
    b = bench("throw Error('no')")
    gc.collect()
    gc.disable()
    try:
        assert (await b.run()).verdict == "failed"
        assert not [one for one in gc.get_objects() if type(one) is HogThrown]
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "answer", [Response(200), Response(503), TransportError("reset", "It hung up.", retriable=True)]
)
async def test_what_is_settled_is_freed_at_once(bench, answer):
    """Nothing of a delivery waits for the collector, which would stop the worker for as long as it takes to look."""
    b = bench(CALL, answers=[answer])
    gc.collect()
    gc.disable()
    try:
        outcome = await b.run()
        assert outcome.attempts
        del outcome
        b.network.requests.clear()
        assert not [one for one in gc.get_objects() if type(one) in {Attempt, Request}]
    finally:
        gc.enable()
