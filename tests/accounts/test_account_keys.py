"""API keys and project tokens: made, chosen, verified, taken away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hedgerow.accounts import (
    MalformedCredential,
    TokenTaken,
    change_settings,
    check_key,
    check_token,
    create_key,
    create_project,
    delete_key,
    first_project,
    get_project,
    list_keys,
    list_projects,
    project_by_token,
    touch,
    verify,
)
from hedgerow.accounts.actors import by_key
from hedgerow.store import Connection, Database
from support.people import NOON, store

FIXED_KEY = "phx_" + "k" * 43
FIXED_TOKEN = "phc_automation"


@pytest.fixture
def conn() -> Iterator[Connection]:
    with store() as connection:
        yield connection


def test_a_key_is_shown_once(conn):
    """A random key has PostHog's form, works, and stands nowhere in the store."""
    key = create_key(conn, label="laptop", now=NOON)
    assert re.fullmatch(r"phx_[A-Za-z0-9_-]{43}", key)
    found = verify(conn, key)
    assert (found.label, found.scopes, found.created_at, found.hint) == (
        "laptop",
        ("*",),
        NOON,
        f"phx_...{key[-4:]}",
    )
    assert key not in str(conn.execute("SELECT * FROM api_keys").fetchall())


@pytest.mark.parametrize(
    "wrong", ["", "phx_", "phc_" + "k" * 43, FIXED_KEY[:-1], FIXED_KEY + "k", "phx_\ud800"]
)
def test_a_wrong_key_is_nobody(conn, wrong):
    """Anything but the whole key is refused."""
    create_key(conn, label="fixed", now=NOON, key=FIXED_KEY)
    assert verify(conn, wrong) is None


def test_a_fixed_key_may_be_made_again(conn):
    """Starting twice with the same fixed key leaves one key, with the latest label and scopes."""
    create_key(conn, label="one", now=NOON, key=FIXED_KEY)
    assert create_key(conn, label="two", scopes=["event:read"], now=NOON, key=FIXED_KEY) == FIXED_KEY
    assert [(key.label, key.scopes) for key in list_keys(conn)] == [("two", ("event:read",))]


def test_the_last_use_is_known_to_the_minute(conn):
    """A use is written at most once a minute."""
    key = create_key(conn, label="a", now=NOON)
    uses = []
    for at in (NOON, NOON + 59_999, NOON + 60_000):
        verify(conn, key, now=at)
        uses.append(verify(conn, key).last_used_at)
    assert uses == [NOON, NOON, NOON + 60_000]
    touch(conn, verify(conn, key).id, NOON + 60_001)
    assert verify(conn, key).last_used_at == NOON + 60_000


def test_authenticating_writes_only_when_there_is_something_to_write(tmp_path: Path):
    """The use is noted by a transaction of its own, once a minute."""
    with store(str(tmp_path / "state.db")) as conn:
        key = create_key(conn, label="a", now=NOON)
    database = Database(tmp_path / "state.db", synchronous="OFF")

    async def use() -> list[int | None]:
        found = [await by_key(database, key, now=at, address="") for at in (NOON, NOON + 5, NOON + 60_000)]
        assert await by_key(database, "phx_wrong", now=NOON, address="") is None
        return [one.key.last_used_at for one in found]

    assert asyncio.run(use()) == [None, NOON, NOON]
    database.close()


def test_a_deleted_key_has_no_power(conn):
    """Deleting takes effect at once, and says whether there was anything to delete."""
    key = create_key(conn, label="a", now=NOON)
    number = verify(conn, key).id
    assert (delete_key(conn, number), delete_key(conn, number), verify(conn, key)) == (True, False, None)


@pytest.mark.parametrize(
    ("scopes", "wanted", "allowed"),
    [
        (["*"], "hog_function:write", True),
        (["hog_function:write"], "hog_function:read", True),
        (["hog_function:read"], "hog_function:write", False),
        (["hog_function:read"], "person:read", False),
        ([], "person:read", False),
    ],
)
def test_scopes(conn, scopes, wanted, allowed):
    """A key may do what its scopes say; writing includes reading."""
    found = verify(conn, create_key(conn, label="a", scopes=scopes, now=NOON))
    assert found.allows(wanted) is allowed


@pytest.mark.parametrize(
    "key", ["", "secret", "phx_short", "phc_" + "k" * 43, "phx_" + "k" * 61, "phx_" + "k k" * 10]
)
def test_malformed_keys_are_refused_without_showing_them(key):
    """A key that could be guessed or mistaken is refused; the message names the setting, not the secret."""
    with pytest.raises(MalformedCredential, match="HEDGEROW_API_KEY") as refused:
        check_key(key)
    assert len(key) < 5 or key not in str(refused.value)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "token",
        "phc_",
        "phx_" + "k" * 43,
        "phc_" + "t" * 61,
        "phc_\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4",
    ],
)
def test_malformed_tokens_are_refused(token):
    """A token that capture would refuse is refused here, with the form it should have."""
    with pytest.raises(MalformedCredential, match="HEDGEROW_PROJECT_TOKEN"):
        check_token(token)


def test_projects_get_random_tokens(conn):
    """Each project has a token of its own, by which it is found."""
    one, two = (create_project(conn, name=name, now=NOON) for name in ("one", "two"))
    assert re.fullmatch(r"phc_[A-Za-z0-9_-]{43}", one.token)
    assert one.token != two.token
    assert project_by_token(conn, two.token) == two == get_project(conn, two.id)
    assert list_projects(conn) == [one, two]


def test_a_token_belongs_to_one_project(conn):
    """A second project cannot have the same token."""
    create_project(conn, name="one", now=NOON, token=FIXED_TOKEN)
    other = create_project(conn, name="two", now=NOON)
    with pytest.raises(TokenTaken, match=FIXED_TOKEN):
        create_project(conn, name="three", now=NOON, token=FIXED_TOKEN)
    assert list_projects(conn)[1] == other


def test_the_first_project_is_made_once(conn):
    """Starting again finds the project that is there, with its token."""
    made = first_project(conn, now=NOON)
    assert (first_project(conn, now=NOON + 1), first_project(conn, now=NOON, token="")) == (made, made)


def test_the_first_project_takes_the_fixed_token(conn):
    """A token from the settings replaces the one that is there, unless another project has it."""
    made = first_project(conn, now=NOON)
    fixed = first_project(conn, now=NOON, token=FIXED_TOKEN)
    assert (fixed.id, fixed.token, project_by_token(conn, made.token)) == (made.id, FIXED_TOKEN, None)
    create_project(conn, name="two", now=NOON, token="phc_other_one")
    with pytest.raises(TokenTaken):
        first_project(conn, now=NOON, token="phc_other_one")
    with pytest.raises(MalformedCredential):
        first_project(conn, now=NOON, token="other")


def test_settings_change_one_by_one(conn):
    """Changing one option leaves the others; None takes one back to its default."""
    made = create_project(conn, name="one", now=NOON, settings={"a": 1, "b": 2})
    changed = change_settings(conn, made.id, {"a": None, "person_processing_opt_out": True})
    assert changed.settings == {"b": 2, "person_processing_opt_out": True}
    assert get_project(conn, made.id) == changed
    assert change_settings(conn, 99, {}) is None
