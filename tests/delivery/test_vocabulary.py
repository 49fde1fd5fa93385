"""Names of events and properties: collected from the stream, bounded, read back in pages."""

from __future__ import annotations

import time

import pytest

from hedgerow.delivery import definitions, vocabulary
from hedgerow.delivery.definitions import DefinitionSearch, event_definitions, property_definitions
from hedgerow.delivery.vocabulary import HOUR_MS, Vocabulary, kind_of
from hedgerow.events import Event
from hedgerow.store import open_connection
from support.store import fresh_store

NOW = 490_000 * HOUR_MS


@pytest.fixture
def connection(tmp_path):
    fresh_store(tmp_path)
    opened = open_connection(tmp_path / "state.db")
    yield opened
    opened.close()


def event(name="paid", at=NOW, **properties):
    return Event("u", name, "ada", properties, captured_at=at)


def see(connection, words, *events, project=1):
    """A batch on its way through the folding transaction; returns how much was news."""
    news = words.collect((project, one) for one in events)
    words.write(connection, news)
    words.learn(news)
    return len(news)


def events_of(connection, project=1, **wanted):
    return [one.name for one in event_definitions(connection, project, DefinitionSearch(**wanted))[0]]


def properties_of(connection, project=1, **wanted):
    found, _ = property_definitions(connection, project, DefinitionSearch(**wanted))
    return {one.name: one.kind for one in found}


def test_names_and_kinds_are_collected_once(connection):
    """An event's own properties, those of the person it sets, those of a group; instructions to ingestion are none of them."""
    words = Vocabulary()
    paid = event(
        price=12.5, paid_at="2026-05-28T20:26:40Z", **{"$set": {"plan": "pro"}, "$set_once": {"first": True}}
    )
    company = event(
        "$groupidentify", **{"$group_type": "company", "$group_key": "a", "$group_set": {"seats": 4}}
    )
    connection.execute("INSERT INTO group_types (project_id, name, idx) VALUES (1, 'company', 2)")
    assert see(connection, words, paid, company, paid) == 2
    assert see(connection, words, paid, company) == 0
    assert events_of(connection) == ["$groupidentify", "paid"]
    assert properties_of(connection, owner="event") == {"paid_at": "DateTime", "price": "Numeric"}
    assert properties_of(connection, owner="person") == {"first": "Boolean", "plan": "String"}
    assert properties_of(connection, owner="group", type_index=2) == {"seats": "Numeric"}
    assert events_of(connection, project=2) == [] == list(properties_of(connection, project=2))


def test_a_new_property_of_a_known_event_is_news(connection):
    """And a kind that the first value did not tell is told by a later one."""
    words = Vocabulary()
    see(connection, words, event(coupon=None))
    assert properties_of(connection) == {"coupon": None}
    assert see(connection, words, event(coupon=None, price=1)) == 1
    assert see(connection, words, event(at=NOW + HOUR_MS, coupon="SPRING")) == 1
    assert properties_of(connection) == {"coupon": "String", "price": "Numeric"}


def test_last_seen_is_written_once_an_hour(connection):
    """By this worker, and by another one that knows nothing of the first."""
    words, other = Vocabulary(), Vocabulary()
    see(connection, words, event(price=1))

    def changes(*arguments):
        before = connection.total_changes()
        see(connection, *arguments)
        return connection.total_changes() - before

    assert changes(words, event(at=NOW + HOUR_MS - 1, price=1)) == 0
    assert changes(other, event(at=NOW + HOUR_MS - 1, price=1)) == 0
    assert changes(words, event(at=NOW + HOUR_MS, price=1)) == 3
    (found,), _ = event_definitions(connection, 1, DefinitionSearch())
    assert (found.created_at, found.last_seen_at) == (NOW, NOW + HOUR_MS)


def test_made_up_names_fill_what_a_project_may_have_and_no_more(connection, monkeypatch):
    """Those that were there go on being seen; another project has its own room."""
    for table in ("EVENTS", "PROPERTIES", "PAIRS"):
        was = getattr(vocabulary, table)
        monkeypatch.setattr(vocabulary, table, vocabulary.Table(was.name, was.add, was.has, 20))
    words = Vocabulary()
    see(connection, words, event(price=1))
    for batch in range(10):
        see(connection, words, *(event(f"made up {batch} {n}", **{f"p{batch}.{n}": 1}) for n in range(20)))
    assert len(events_of(connection)) == len(properties_of(connection)) == 20
    assert see(connection, words, event(price=1)) == 0
    assert see(connection, words, event(at=NOW + HOUR_MS, price=1)) == 1
    (paid,) = [o for o in event_definitions(connection, 1, DefinitionSearch())[0] if o.name == "paid"]
    assert paid.last_seen_at == NOW + HOUR_MS
    see(connection, words, event("mine"), project=2)
    assert events_of(connection, project=2) == ["mine"]


def test_a_batch_writes_so_much_and_no_more(connection):
    """An event with ten thousand properties does not hold up the others: what was left is news again."""
    words = Vocabulary()
    huge = event(**{f"p{n}": n for n in range(1000)})
    see(connection, words, huge)
    assert len(properties_of(connection, limit=-1)) == vocabulary.MOST_NEWS
    for _ in range(12):
        see(connection, words, huge)
    assert len(properties_of(connection, limit=-1)) == 1000
    assert see(connection, words, huge) == 0


def test_what_is_remembered_is_bounded(connection, monkeypatch):
    """Forgetting all costs one more reading of what is there, no more."""
    monkeypatch.setattr(vocabulary, "MOST_REMEMBERED", 100)
    words = Vocabulary()
    for n in range(50):
        see(connection, words, event(f"e{n}", a=1, b=2))
    assert len(words._known) < 50
    assert len(events_of(connection)) == 50


def test_a_name_that_is_too_long_is_no_name(connection):
    """It is left out; the rest of the event is not."""
    see(connection, Vocabulary(), event(**{"x" * 300: 1, "": 1, "ok": 1}))
    assert list(properties_of(connection)) == ["ok"]


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("a", "text", "String"), ("a", "2026-05-28", "DateTime"), ("a", "2026-05-28 20:26:40", "DateTime"),
        ("a", 1, "Numeric"), ("a", 1.5, "Numeric"), ("a", True, "Boolean"), ("a", "False", "Boolean"), ("a", "12", "String"),
        ("created_at", 1_780_000_000, "DateTime"), ("timestamp", 1_780_000_000_000, "DateTime"), ("a_at", 7, "Numeric"),
        ("utm_id", "2026-05-28", "String"), ("$feature/x", "true", "String"), ("a", None, None), ("a", {}, None), ("a", [1], None),
    ],
)  # fmt: skip
def test_a_kind_follows_from_a_value(name, value, kind):
    """As PostHog infers it."""
    assert kind_of(name, value) == kind


def test_searching(connection):
    """By part of the name, by kind, by event; those seen in the events asked for come first."""
    words = Vocabulary()
    see(
        connection,
        words,
        event("order paid", price=1, note="x"),
        event("$pageview", **{"$lib": "web", "note": "x"}),
    )
    assert events_of(connection, search="PAID") == ["order paid"]
    assert events_of(connection, custom=True) == ["order paid"]
    assert events_of(connection, order="-name") == ["order paid", "$pageview"]
    assert list(properties_of(connection, events=["order paid"])) == ["note", "price", "$lib"]
    assert list(properties_of(connection, events=["order paid"], only_seen=True)) == ["note", "price"]
    assert list(properties_of(connection, events=["order paid"], only_seen=False)) == ["$lib"]
    assert list(properties_of(connection, kind="Numeric")) == ["price"]
    assert list(properties_of(connection, hidden=["note", "$lib"])) == ["price"]
    found, count = property_definitions(connection, 1, DefinitionSearch(limit=1, offset=1))
    assert ([one.name for one in found], count) == (["note"], 3)


def test_a_definition_is_found_by_its_id(connection):
    """Ids are the same on every worker, and lead nowhere in another project."""
    see(connection, Vocabulary(), event(price=1))
    (one,), _ = event_definitions(connection, 1, DefinitionSearch())
    assert definitions.find_event_definition(connection, 1, one.id) == one
    assert definitions.find_event_definition(connection, 2, one.id) is None
    (price,), _ = property_definitions(connection, 1, DefinitionSearch())
    assert definitions.find_property_definition(connection, 1, price.id) == price
    assert definitions.find_property_definition(connection, 1, one.id) is None


@pytest.mark.usefixtures("young_heap")
def test_an_event_without_news_costs_next_to_nothing(connection):
    """Under five microseconds of CPU time; one or two are usual."""
    words = Vocabulary()
    usual = event("$pageview", **{f"p{n}": n for n in range(25)}, **{"$set": {"plan": "pro", "email": "a"}})
    plain = event("paid", **{f"p{n}": n for n in range(25)})
    see(connection, words, usual, plain)
    spent = []
    for _ in range(20):
        began = time.thread_time()
        for _ in range(500):
            words.news(1, usual)
            words.news(1, plain)
        spent.append((time.thread_time() - began) / 1000)
    assert min(spent) < 5e-6, f"{min(spent) * 1e6:.2f} microseconds"
