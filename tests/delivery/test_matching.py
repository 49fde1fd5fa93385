"""The index of destinations leaves out only what no filter could have matched."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hedgerow.delivery.matching import Index, Plan, Roster
from hedgerow.destinations import CompiledDestination, FilterGlobals, Keyring, Project, builtin, validate

PROJECT = Project(1)
RING = Keyring(["a key for tests of the index only"])
NAMES = ("signed up", "$pageview", "bought")
KEYS = ("plan", "city")
TEXTS = ("pro", "free", "5", "true", "", "Ulm")


def compiled(number: int, filters: dict, **more: object) -> CompiledDestination:
    payload = {"hog": "return 1", "enabled": True, "filters": filters, **more}
    valid = validate(payload, project=PROJECT, templates=builtin())
    identity = f"01900000-0000-7000-8000-{number:012d}"
    return CompiledDestination(valid.unsaved(1, RING, destination_id=identity), RING, PROJECT)


def found(event: str, properties: dict, person: dict | None) -> FilterGlobals:
    who = None if person is None else {"id": "p", "uuid": "p", "properties": person}
    return FilterGlobals(
        event=event,
        uuid="u",
        timestamp="2026-01-02T03:04:05.000Z",
        distinct_id="d",
        properties=properties,
        person=who,
    )


values = st.one_of(st.sampled_from(TEXTS), st.integers(0, 6), st.booleans(), st.none(), st.just(["pro"]))
properties = st.dictionaries(st.sampled_from(KEYS), values, max_size=2)
wanted = st.one_of(
    st.sampled_from(TEXTS[:-2]), st.just("Ulm"), st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)
)
condition = st.fixed_dictionaries(
    {
        "key": st.sampled_from(KEYS),
        "value": wanted,
        "type": st.sampled_from(["event", "person"]),
        "operator": st.sampled_from(["exact", "exact", "is_not"]),
    }
)
filters = st.fixed_dictionaries(
    {
        "events": st.lists(st.builds(lambda name: {"id": name}, st.sampled_from([*NAMES, None])), max_size=2),
        "properties": st.lists(condition, max_size=3),
    }
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(filters, max_size=6),
    st.lists(st.tuples(st.sampled_from([*NAMES, "other"]), properties, st.none() | properties), max_size=6),
)
def test_every_destination_that_matches_is_a_candidate(some, events):
    """Matching the candidates gives what matching all destinations gives, each once."""
    everybody = [compiled(number, one) for number, one in enumerate(some)]
    offer = Plan(PROJECT, everybody).offer("events")
    for event in (found(*one) for one in events):
        expected = {one.destination.id for one in everybody if one.match(event)}
        candidates = offer.candidates(event) if offer else []
        assert len({id(one) for one in candidates}) == len(candidates)
        assert {one.destination.id for one in candidates if one.match(event)} == expected


def test_candidates_are_few():
    """Of a thousand destinations that each want one customer's events, one is looked at."""
    some = [
        compiled(n, {"properties": [{"key": "plan", "value": "pro"}, {"key": "customer", "value": f"c-{n}"}]})
        for n in range(300)
    ]
    offer = Plan(PROJECT, some).offer("events")
    assert offer is not None
    event = found("$pageview", {"plan": "pro", "customer": "c-7", "n": 1}, None)
    assert offer.candidates(event) == [some[7]]


def test_streams_are_apart():
    """An internal destination is never offered what applications send, nor the other way round."""
    plain, inner = compiled(1, {}), compiled(2, {}, type="internal_destination")
    plan = Plan(PROJECT, [plain, inner])
    event = found("$pageview", {}, None)
    assert [plan.offer(name).candidates(event) for name in ("events", "internal")] == [[plain], [inner]]
    assert plan.offer("person-updates") is None


def test_a_roster_is_named_by_its_members():
    """The same destinations are the same roster, in whatever order and process; other ones, or another project's, are not."""
    one, two = compiled(1, {}), compiled(2, {})
    assert Roster.of(1, [one, two]) == Roster.of(1, [two, one])
    assert len({Roster.of(1, [one]).id, Roster.of(1, [one, two]).id, Roster.of(2, [one]).id}) == 3


def test_the_index_prefers_what_tells_most():
    """A condition that all share does not hide one that tells destinations apart, wherever it stands."""
    some = [
        compiled(
            n,
            {
                "properties": [
                    {"key": "mail", "value": f"m{n}", "type": "person"},
                    {"key": "plan", "value": "pro"},
                ]
            },
        )
        for n in range(5)
    ]
    assert Index(some).find({"plan": "pro"}, {"mail": "m3"}) == [some[3]]
    assert Index(some).find({"plan": "pro"}, {}) == []
