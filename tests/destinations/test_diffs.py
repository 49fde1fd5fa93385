"""What differs between two states of a destination, and the merging of drafts."""

from __future__ import annotations

import pytest

from hedgerow.destinations import Config, Existing, Secrets
from hedgerow.destinations.diffs import NOTHING, changed, compare, text
from hedgerow.destinations.drafts import merged
from hedgerow.destinations.listing import Search, contains
from hedgerow.destinations.revisions import restored


def state(secrets=None, **fields):
    """A destination with these fields."""
    return Existing(Config(**{"name": "Hook", "hog": "return 1", **fields}), secrets or Secrets())


def event(name, **more):
    """An entry of a filter."""
    return {"id": name, "name": name, "type": "events", **more}


def told(before, after):
    """The changes in short."""
    return {change.attr: (change.change, change.before, change.after) for change in compare(before, after)}


def test_nothing_differs_from_itself():
    """Equal states have no difference, and nothing to read about it."""
    assert compare(state(), state()) == []
    assert text([]) == ""


def test_named_items_are_compared_by_name():
    """An event put in front is one that was added, not a change of all that follow."""
    before = state(filters={"source": "events", "events": [event("a"), event("b")]})
    after = state(filters={"source": "events", "events": [event("new"), event("a"), event("b", order=1)]})
    assert told(before, after) == {
        "filters__events__new": ("added", None, event("new")),
        "filters__events__b__order": ("added", None, 1),
    }


def test_another_order_is_a_change_of_the_list():
    """Nothing was added or removed, and yet it is not the same."""
    before = state(filters={"events": [event("a"), event("b")]})
    after = state(filters={"events": [event("b"), event("a")]})
    assert list(told(before, after)) == ["filters__events"]


def test_a_form_is_compared_by_its_keys():
    """A field that became required is one change."""
    before = state(inputs_schema=[{"key": "url", "type": "string", "required": False}])
    after = state(inputs_schema=[{"key": "url", "type": "string", "required": True}])
    assert told(before, after) == {"inputs_schema__url__required": ("changed", False, True)}


def test_the_text_is_read_with_pleasure():
    """A paragraph for each change; values on lines of their own, programs as a diff."""
    before = state(description="", hog="let a := 1\nreturn a")
    after = state(
        description="new", hog="let a := 2\nreturn a", enabled=True, sampling={"percentage": 5, "by": "event"}
    )
    assert text(compare(before, after)).splitlines() == [
        "description:", '  - ""', "  + new",
        "enabled:", "  - false", "  + true",
        "hog:", "  @@ -1,2 +1,2 @@", "  -let a := 1", "  +let a := 2", "   return a",
        "sampling:", "  + {", '  +   "percentage": 5,', '  +   "by": "event"', "  + }",
    ]  # fmt: skip


def test_truth_is_no_number():
    """1 and true are two values."""
    assert compare(state(sampling={"percentage": 1}), state(sampling={"percentage": True}))


FORM = [{"key": "token", "type": "string", "secret": True}]
MASKED = {"token": {"secret": True}}


def test_secrets_are_told_to_differ_and_never_shown():
    """Neither themselves nor where they stand in anything else."""
    before = state(Secrets({"token": {"value": "old-s3cret"}}), inputs_schema=FORM, inputs=MASKED)
    after = state(
        Secrets({"token": {"value": "new-s3cret"}}), inputs_schema=FORM, inputs=MASKED, hog="return 'new-s3cret'",
        description="old-s3cret",
    )  # fmt: skip
    changes = compare(before, after)
    assert changed(before, after) == ["description", "hog", "inputs.token"]
    assert "s3cret" not in str(changes)
    assert "***REDACTED***" in text(changes)


def test_a_value_that_became_secret_is_hidden_on_both_sides():
    """Also where it stood in the open before."""
    before = state(inputs_schema=[{**FORM[0], "secret": False}], inputs={"token": {"value": "s3cret-value"}})
    after = state(Secrets({"token": {"value": "s3cret-value"}}), inputs_schema=FORM, inputs=MASKED)
    assert "s3cret" not in str(compare(before, after))
    assert "s3cret" not in str(compare(NOTHING, before)) + str(compare(after, before))


def test_where_a_secret_stands_is_shown():
    """A reference is no secret; what it replaced stays one."""
    before = state(Secrets({"token": {"value": "old-s3cret"}}), inputs_schema=FORM, inputs=MASKED)
    after = state(inputs_schema=FORM, inputs={"token": {"from_env": "DESTINATION_1_X"}})
    (change,) = compare(before, after)
    assert (change.secret, change.before, change.after) == (
        True,
        {"secret": True},
        {"from_env": "DESTINATION_1_X"},
    )


@pytest.mark.parametrize("secret", ["true", "null", '": ', "[{}]"])
def test_a_secret_that_looks_like_syntax_breaks_nothing(secret):
    """Only texts are redacted, not the JSON around them."""
    before = state(Secrets({"token": {"value": secret}}), inputs_schema=FORM, inputs=MASKED)
    after = state(
        Secrets({"token": {"value": secret}}), inputs_schema=FORM, inputs=MASKED, sampling={"a": [True, None]}
    )
    assert told(before, after) == {"sampling": ("changed", None, {"a": [True, None]})}


# ------------------------------------------------------------------ merging


def test_a_draft_takes_only_what_it_changed():
    """The rest stays as it is live."""
    whole, clashes = merged(state(hog="d"), state(), state(name="Live", enabled=True))
    assert (whole.config.hog, whole.config.name, whole.config.enabled, clashes) == ("d", "Live", True, [])


def test_two_wishes_clash_and_the_same_wish_does_not():
    """The draft's is taken where they clash; whoever publishes must have said so."""
    whole, clashes = merged(state(hog="d", name="N"), state(), state(hog="l", name="N"))
    assert (whole.config.hog, whole.config.name, clashes) == ("d", "N", ["hog"])


def test_a_form_and_its_secrets_go_together():
    """One without the other would not fit."""
    base = state(Secrets({"token": {"value": "1"}}), inputs_schema=FORM, inputs=MASKED)
    draft = state(Secrets({"token": {"value": "2"}}), inputs_schema=FORM, inputs=MASKED)
    live = state(Secrets({"token": {"value": "3"}}), inputs_schema=FORM, inputs=MASKED, name="Live")
    whole, clashes = merged(draft, base, live)
    assert (whole.secrets, whole.config.name, clashes) == (draft.secrets, "Live", ["inputs"])
    whole, clashes = merged(base, base, live)
    assert (whole.secrets, clashes) == (live.secrets, [])


def test_restoring_keeps_today_where_asked():
    """Secrets of today for inputs that there were then; nothing that was not there."""
    then = state(
        Secrets({"a": {"value": 1}, "b": {"value": 1}}, {"m": {"c": {"value": 1}}}), mappings=[{"id": "m"}]
    )
    now = state(Secrets({"a": {"value": 2}, "z": {"value": 2}}, {"m": {"c": {"value": 2}}}), deleted=True)
    assert restored(then, now, keep_secrets=False).secrets == then.secrets
    kept = restored(then, now, keep_secrets=True)
    assert kept.secrets == Secrets({"a": {"value": 2}, "b": {"value": 1}}, {"m": {"c": {"value": 2}}})
    assert restored(now, then, keep_secrets=False).config.deleted is False


# ------------------------------------------------------------------ searching


@pytest.mark.parametrize(
    ("whole", "part", "found"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": {"b": [1, 2, 3]}}, {"a": {"b": [3, 1]}}, True),
        ({"e": [{"id": "x", "n": 1}]}, {"e": [{"id": "x"}]}, True),
        ({"e": [{"id": "x"}]}, {"e": [{"id": "y"}]}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": None}, {"a": None}, True),
        ({}, {}, True),
    ],
)
def test_containing(whole, part, found):
    """As jsonb's @> has it."""
    assert contains(whole, part) is found


@pytest.mark.parametrize(
    ("search", "name", "how"),
    [
        ("warehouse", "Orders to the Warehouse", "exact"),
        ("orders to", "Orders to the Warehouse", "exact"),
        ("warehose", "Orders to the Warehouse", "similar"),
        ("ordres warehouse", "Orders to the Warehouse", None),
        ("oders warehouse", "Orders to the Warehouse", "similar"),
        ("slack", "Orders to the Warehouse", None),
        ("ÄRGER", "Kein ärger", "exact"),
        ("%", "Orders", None),
        ("shopping", "sho hop opp pping", None),
    ],
)
def test_searching_forgives_slips(search, name, how):
    """In any case, in any part of the text, each word nearly right."""
    assert Search(search).found_in(name) == how


def test_a_secret_within_a_mapping_that_is_new_is_not_shown():
    """Nor within one that is gone: the mapping is told as a whole."""
    field = {"key": "key", "type": "string", "secret": True}
    mapping = {
        "id": "m",
        "name": "one",
        "inputs_schema": [field],
        "inputs": {"key": {"secret": True}},
        "filters": {},
    }
    mapped = Existing(Config(mappings=[mapping]), Secrets({}, {"m": {"key": {"value": "sk_canary"}}}))
    for before, after in ((Existing(Config(), Secrets()), mapped), (mapped, Existing(Config(), Secrets()))):
        (change,) = compare(before, after)
        (shown,) = change.before or change.after
        assert shown["inputs"] == {"key": {"secret": True}}
        assert "sk_canary" not in text([change])
