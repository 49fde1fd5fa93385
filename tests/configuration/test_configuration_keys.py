"""The names of files: from people's names, without two alike, and kept once they were applied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedgerow.configuration.keys import assign, is_key, slug

NAMED = st.lists(st.text(max_size=20), max_size=12).map(
    lambda names: [(str(number), name) for number, name in enumerate(names)]
)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Sign-ups to my server", "sign-ups-to-my-server"),
        ("  Größe & Çedille!  ", "groe-cedille"),
        ("注册", "destination"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON.", "con"),
        ("a" * 300, "a" * 80),
    ],
)
def test_a_name_becomes_the_name_of_a_file(name, key):
    """Small ASCII letters, digits and hyphens, whatever people wrote."""
    assert slug(name, "destination") == key


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("orders", True), ("crm/orders-2.eu", True), ("Orders", True),
        ("", False), ("../orders", False), ("/etc/passwd", False), ("a//b", False), ("a/../b", False), (".hidden", False),
        ("a b", False), ("a\\b", False), ("a/", False), ("x" * 201, False), (None, False), (5, False),
    ],
)  # fmt: skip
def test_a_key_never_leads_out_of_its_folder(text, fine):
    """What a server sends as a key becomes a path on somebody's disk."""
    assert is_key(text) is fine


@given(NAMED, st.dictionaries(st.sampled_from("012345"), st.sampled_from(["a", "b", "a-2"])))
def test_everything_has_a_key_of_its_own(named, stored):
    """However many have the same name, or were applied from files of the same name."""
    keys = assign(named, stored, "destinations")
    assert sorted(keys) == sorted(identity for identity, _ in named)
    assert len(set(keys.values())) == len(named)
    assert all(is_key(key) for key in keys.values())


def test_what_was_applied_keeps_its_key():
    """A new name changes nothing about the file; the next of the same name gives way."""
    keys = assign([("1", "Renamed"), ("2", "Orders"), ("3", "Orders")], {"1": "orders"}, "destinations")
    assert keys == {"1": "orders", "2": "orders-2", "3": "orders-3"}
