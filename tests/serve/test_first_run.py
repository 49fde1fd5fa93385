"""The first start: what is made, and what its user is told."""

from __future__ import annotations

from hedgerow.accounts import list_keys
from hedgerow.accounts.links import DeadLink, peek
from hedgerow.accounts.users import create_user
from hedgerow.serve.banner import banner
from hedgerow.serve.first_run import prepare
from hedgerow.settings import Settings
from hedgerow.store import Database

FIXED = "phx_" + "k" * 43
OTHER = "phx_" + "o" * 43


def start(folder, **settings):
    folder.mkdir(exist_ok=True)
    chosen = Settings(data_dir=folder, **settings)
    return prepare(chosen, folder), chosen


def ask(folder, work):
    database = Database(folder / "state.db")
    try:
        return database.write_now(work)
    finally:
        database.close()


def is_good(folder, token):
    try:
        return bool(ask(folder, lambda c: peek(c, token, 1)))
    except DeadLink:
        return False


def test_the_first_start_tells_everything_once(tmp_path):
    """Token, key and link; later the key no more, and another link as long as nobody has an account."""
    folder = tmp_path / "data"
    first, settings = start(folder)
    said = banner(settings, first)
    assert first.key in said
    assert f"{settings.base_url}/join#{first.invitation}" in said
    second, settings = start(folder)
    said = banner(settings, second)
    assert (second.key, first.key in said) == ("", False)
    assert f"/join#{second.invitation}" in said
    assert [is_good(folder, one.invitation) for one in (first, second)] == [False, True]


def test_with_an_owner_there_is_no_link(tmp_path):
    """Whoever reads the output of a running instance cannot make themselves its owner."""
    folder = tmp_path / "data"
    start(folder)
    ask(
        folder,
        lambda c: create_user(
            c, email="a@example.com", name="", password="x", is_owner=True, now=1, identity=b"1" * 16
        ),
    )
    later, settings = start(folder)
    assert later.invitation == ""
    assert "/join" not in banner(settings, later)


def test_another_fixed_key_takes_the_place_of_the_former(tmp_path):
    """What is no longer in the settings opens nothing; a key made at the first start stays."""
    folder = tmp_path / "data"
    start(folder)
    start(folder, api_key=FIXED)
    instance, _ = start(folder, api_key=OTHER)
    assert instance.key == ""
    hints = [(key.label, key.hint) for key in ask(folder, list_keys)]
    assert hints == [("made at the first start", hints[0][1]), ("HEDGEROW_API_KEY", "phx_...oooo")]
