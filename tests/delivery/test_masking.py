"""Of deliveries that repeat each other only some are sent, decided once and for all in the ledger."""

from __future__ import annotations

import pytest

from hedgerow.delivery.claims import Claim, ClaimError, claim, decide
from hedgerow.delivery.invocation import Invocation
from hedgerow.delivery.masking import Mask
from hedgerow.destinations import CompiledDestination, Keyring, Project, builtin, validate

NOW = 1_767_323_045_000
PROJECT = Project(1)
RING = Keyring(["a key for tests of masking only"])
GLOBALS = {
    "project": {"id": 1, "name": "P", "url": "https://h/project/1"},
    "event": {"event": "paid", "properties": {"shop": "Ulm", "n": 3}},
    "person": None,
    "groups": {},
}


def invocation(number: int) -> Invocation:
    identity = number.to_bytes(16, "big")
    return Invocation(
        identity, 1, b"d" * 16, 1, "", "", 0, number, identity, "paid", "ann", NOW, NOW, GLOBALS
    )


def compiled(**masking) -> CompiledDestination:
    payload = {
        "hog": "return inputs.to",
        "inputs_schema": [{"key": "to", "type": "string"}],
        "inputs": {"to": {"value": "{event.properties.shop}!"}},
        "masking": {"ttl": 60, **masking},
    }
    valid = validate(payload, project=PROJECT, templates=builtin())
    return CompiledDestination(valid.unsaved(1, RING), RING, PROJECT)


def sent(connection, numbers, *, threshold=None, at=NOW, key=b"h" * 16) -> list[int]:
    claims = [Claim(invocation(n), [Mask(key, 60_000, threshold)]) for n in numbers]
    outcomes = decide(connection, claims, at)
    assert {outcome.verdict for outcome in outcomes} <= {"running", "masked"}
    return [o.invocation.position for o in outcomes if o.verdict == "running"]


def test_the_first_of_a_window_is_sent(connection):
    """Whether repetitions come together or apart; the window begins with the first and does not slide."""
    assert sent(connection, [1, 2, 3]) == [1]
    assert sent(connection, [4], at=NOW + 59_999) == []
    assert sent(connection, [5, 6], at=NOW + 60_000) == [5]
    assert sent(connection, [7], key=b"o" * 16) == [7]


def test_with_a_threshold_one_in_so_many_is_sent(connection):
    """Occurrences 1, T + 1 and 2 T + 1, however they are spread over transactions."""
    assert sent(connection, [1, 2], threshold=3) == [1]
    assert sent(connection, [3, 4, 5, 6, 7, 8], threshold=3) == [4, 7]
    assert sent(connection, [9], threshold=1) == [9]


def test_a_masked_delivery_names_the_one_it_repeats(connection):
    """Its owner sees which delivery stood for it."""
    (_, masked) = decide(
        connection, [Claim(invocation(n), [Mask(b"h" * 16, 60_000, None)]) for n in (1, 2)], NOW
    )
    assert masked.error == "It repeats delivery 00000000-0000-0000-0000-000000000001."
    assert masked.final


def test_the_hash_sees_the_event_and_the_inputs():
    """The same event and inputs give the same hash, another template another; an empty hash masks nothing."""
    one, same, other = (
        claim(invocation(n), compiled(hash=text), NOW / 1000).asked[0]
        for n, text in ((1, "{inputs.to}"), (2, "{inputs.to}"), (3, "{event.event}"))
    )
    assert one.hash == same.hash != other.hash
    assert (one.ttl_ms, one.threshold, len(one.hash)) == (60_000, None, 16)
    assert claim(invocation(4), compiled(hash="{event.properties.missing}"), NOW / 1000) is None


def test_a_hash_that_throws_is_a_failure_of_its_own():
    """The ledger calls it by its name, and it can be run again."""
    with pytest.raises(ClaimError) as caught:
        claim(invocation(1), compiled(hash="{jsonParse('{')}"), NOW / 1000)
    assert caught.value.kind == "masking"
