"""What an import works out before it sends anything: allowances, numbers, inputs, cohorts."""

from __future__ import annotations

import pytest

from hedgerow.cli.moving import definitions
from hedgerow.cli.moving.destinations import moved, refusal
from hedgerow.cli.moving.fetches import wanted
from hedgerow.cli.moving.filters import Numbers, cohorts_in, properties, renumbered
from hedgerow.cli.moving.inputs import Account, Accounts, filled
from hedgerow.destinations import builtin
from support.posthog import Functions, events, field

MISSING = {"missing": True}
NUMBERS = Numbers(actions={"51": 3}, cohorts={"31": 1, "34": 2}, groups={0: 1, 1: None})

# ---------------------------------------------------------------- fetches


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("fetch(inputs.url)", None),
        ("fetch('a'); fetch('b')", None),
        ("fetch('a'); fetch('b'); fetch('c')", 3),
        ("if (event.x) { fetch('a'); fetch('b') } else { fetch('c') }", None),
        ("for (let one in inputs.all) { fetch(one) }", 5),
        ("while (true) { fetch('a') }", 5),
        ("fun send(x) { return fetch(x) }\nsend('a'); send('b'); send('c'); send('d')", 4),
        ("fun send(x) { return fetch(x) }\nsend('a')", None),
        ("fun again(x) { fetch(x); again(x) }\nagain('a')", 5),
        ("arrayMap(x -> fetch(x), inputs.all)", 5),
        ("fetch('1'); fetch('2'); fetch('3'); fetch('4'); fetch('5'); fetch('6')", 5),
        ("let x := ", None),
    ],
)
def test_how_many_fetches_a_program_needs(source, calls):
    """Straight ones are added up, of two branches the longer counts, loops get what PostHog gives them."""
    assert wanted(source) == calls


# ---------------------------------------------------------------- numbers


def test_numbers_are_exchanged_wherever_they_stand():
    """Actions, cohorts and kinds of groups get the numbers they have here, in nested groups too."""
    raw = events(
        actions=[{"id": 51, "name": "Paid", "type": "actions", "properties": [{"key": "id", "type": "cohort", "value": 34}]}],
        properties={"type": "OR", "values": [
            {"type": "AND", "values": [{"key": "id", "type": "cohort", "value": [31, 34], "operator": "in"}]},
            {"key": "tier", "type": "group", "group_type_index": 0, "value": "gold"}]},
    )  # fmt: skip
    found = renumbered(raw, NUMBERS)
    assert found["actions"][0]["id"] == 3
    assert found["actions"][0]["properties"][0]["value"] == 2
    first, second = found["properties"]["values"]
    assert first["values"][0]["value"] == [1, 2]
    assert second["group_type_index"] == 1
    assert "bytecode" not in found


def test_what_did_not_come_is_never_mistaken_for_something_else():
    """An unknown number becomes a name that nothing has; an unknown kind of group becomes none."""
    assert renumbered({"actions": [{"id": 9}]}, NUMBERS)["actions"][0]["id"] == "posthog:9"
    assert properties([{"key": "id", "type": "cohort", "value": 9}], NUMBERS)[0]["value"] == "posthog:9"
    assert (
        properties([{"key": "x", "type": "group", "group_type_index": 1}], NUMBERS)[0]["group_type_index"]
        is None
    )


# ----------------------------------------------------------------- inputs

FORM = [
    field("url", required=True), field("token", secret=True, required=True), field("account", "integration", integration="slack", required=True),
    field("note"),
]  # fmt: skip
THEIRS = {
    "url": {"value": "https://x.example", "bytecode": ["_H"], "order": 0, "templating": "hog"},
    "token": {"secret": True},
    "account": {"value": 71},
    "note": {"value": ""},
}


def test_values_come_and_secrets_stay_behind():
    """What PostHog compiled is left out; a secret and an account nobody connected are marked."""
    accounts = Accounts(there={71: Account(71, "slack", "Shop")})
    found = filled(FORM, THEIRS, None, accounts)
    assert found.items["url"] == {"value": "https://x.example", "templating": "hog"}
    assert found.items["note"] == {"value": ""}
    assert found.items["token"] == found.items["account"] == MISSING
    assert (found.secrets, found.accounts) == (["token"], [("account", "slack")])
    assert accounts.needed == {("slack", 71): "Shop"}


def test_what_was_filled_in_here_is_kept():
    """A second import leaves secrets, references and accounts as people set them here."""
    here = {"token": {"from_env": "DESTINATION_1_TOKEN"}, "account": {"value": 4, "order": 2}}
    found = filled(FORM, THEIRS, here, Accounts())
    assert found.items["token"] == {"from_env": "DESTINATION_1_TOKEN"}
    assert found.items["account"] == {"value": 4}
    assert not found.secrets
    assert not found.accounts


@pytest.mark.parametrize(
    ("here", "chosen", "number"),
    [
        ([Account(4, "slack", "Other")], {}, 4),
        ([Account(4, "slack", "Other"), Account(5, "slack", "Shop")], {}, 5),
        ([Account(4, "slack", "Other"), Account(5, "slack", "Another")], {}, None),
        ([Account(4, "hubspot", "Shop")], {}, None),
        ([Account(4, "slack", "Other")], {71: 9}, 9),
    ],
)
def test_an_account_is_found_by_kind_and_name(here, chosen, number):
    """The one of the same name, else the only one of its kind; what was said outweighs both."""
    accounts = Accounts(there={71: Account(71, "slack", "Shop")}, here=here, chosen=chosen)
    assert accounts.ours(71, "slack") == number


# ----------------------------------------------------------- destinations


def make(*args, **more):
    return Functions()(*args, **more)


def move(item, existing=None, **more):
    return moved(
        item,
        existing,
        origin="posthog:x/2/hog_functions/1",
        templates=builtin(),
        numbers=NUMBERS,
        accounts=Accounts(),
        **more,
    )


def test_an_untouched_template_becomes_ours():
    """Program and form are those of the template here; the inputs come along."""
    item = make("Hook", "template-webhook", "theirs", [field("url")], {"url": "https://x.example"})
    found = move(item)
    assert found.payload["template_id"] == "template-webhook"
    assert "hog" not in found.payload
    assert found.payload["inputs"]["url"]["value"] == "https://x.example"


@pytest.mark.parametrize("more", [{"untouched": False}, {"extra": True}])
def test_a_changed_program_is_kept_as_it_is(more):
    """So is one with inputs that the template here does not have: nothing of them may get lost."""
    inputs = {"url": "https://x.example"} | ({"extra": "1"} if more.pop("extra", False) else {})
    item = make("Hook", "template-webhook", "return 1", [field(key) for key in inputs], inputs, **more)
    found = move(item)
    assert "template_id" not in found.payload
    assert found.payload["hog"] == "return 1"


def test_a_native_webhook_becomes_ours():
    """PostHog runs it without Hog; the webhook here does the same."""
    item = make(
        "Hook",
        "native-webhook",
        "return event",
        [field("url")],
        {"url": "https://x.example", "debug_mode": True},
    )
    assert refusal(item) == ""
    assert move(item).payload["template_id"] == "template-webhook"


def test_mappings_come_with_what_is_missing_in_them():
    """Places in mappings are named; the mapping that was brought before keeps its id and what was filled in."""
    form = [field("token", secret=True), field("name")]
    mapping = {"name": "Paid", "inputs_schema": form, "inputs": {"token": {"secret": True}, "name": {"value": "x", "order": 1}},
               "filters": events("order paid")}  # fmt: skip
    item = make("Ads", None, "return 1", [], {}, mappings=[mapping])
    found = move(item)
    assert found.secrets == ["Paid: token"]
    assert found.payload["mappings"][0]["inputs"] == {"token": MISSING, "name": {"value": "x"}}
    before = [{"id": "abc", "name": "Paid", "inputs": {"token": {"secret": True}}}]
    again = move(item, {"mappings": before, "inputs": {}, "template": None})
    assert again.payload["mappings"][0]["id"] == "abc"
    assert again.payload["mappings"][0]["inputs"]["token"] == {"secret": True}
    assert again.complete


@pytest.mark.parametrize(
    "kind", ["site_destination", "site_app", "transformation", "source_webhook", "something_new"]
)
def test_other_kinds_of_functions_say_why_they_stay(kind):
    """Each has a reason in words."""
    assert refusal({"type": kind, "name": "x"}).endswith(".")


# ---------------------------------------------------------------- cohorts


def test_cohorts_come_after_those_they_refer_to():
    """Whatever the order of the list; a circle is left as it is."""

    def one(number, *needs):
        leaves = [{"key": "id", "type": "cohort", "value": need} for need in needs]
        return {"id": number, "filters": {"properties": {"type": "AND", "values": leaves}}}

    assert [item["id"] for item in definitions.in_order([one(1, 2), one(2, 3), one(3)])] == [3, 2, 1]
    assert {item["id"] for item in definitions.in_order([one(1, 2), one(2, 1)])} == {1, 2}
    assert cohorts_in(one(1, 2, 3)) == {"2", "3"}


def test_an_old_cohort_has_groups_instead_of_filters():
    """They become the same in the present form."""
    old = {
        "id": 1,
        "name": "Old",
        "groups": [{"properties": [{"key": "plan", "type": "person", "value": "pro"}]}],
    }
    assert definitions.refusal(old) == ""
    payload = definitions.cohort_payload(old, NUMBERS, "x")
    assert payload["filters"]["properties"]["values"][0]["values"][0]["key"] == "plan"
    assert "over time" in definitions.refusal({"id": 1, "groups": [{"action_id": 3}]})


def test_members_are_counted_before_they_come():
    """All distinct ids where they fit, else one of each person, else none."""
    people = [{"distinct_ids": ["a", "b"]}, {"distinct_ids": ["c"]}]
    assert definitions.members(people, 3) == ["a", "b", "c"]
    assert definitions.members(people, 2) == ["a", "c"]
    assert definitions.members(people, 1) is None
