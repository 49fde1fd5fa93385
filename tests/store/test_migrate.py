"""Opening files of other releases, and files that are none."""

from __future__ import annotations

import pytest

from hedgerow.store import StoreError, migrate, open_connection


def test_migrating_twice_changes_nothing(tmp_path):
    """The second start finds everything as it should be."""
    migrate(tmp_path)
    before = list(open_connection(tmp_path / "state.db").execute("SELECT sql FROM sqlite_master"))
    migrate(tmp_path)
    assert before == list(open_connection(tmp_path / "state.db").execute("SELECT sql FROM sqlite_master"))


def test_a_newer_release_is_recognised(tmp_path):
    """A schema from the future is left alone, and the message says so."""
    migrate(tmp_path)
    open_connection(tmp_path / "state.db").execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="made by a newer release"):
        migrate(tmp_path)


def test_a_damaged_file_is_told(tmp_path):
    """Not a traceback but the name of the file."""
    (tmp_path / "state.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=r"state\.db cannot be used"):
        migrate(tmp_path)


def test_migrating_says_nothing(tmp_path, caplog):
    """Nobody who starts a server wants to hear of the tools that it uses."""
    with caplog.at_level("INFO"):
        migrate(tmp_path)
    assert caplog.records == []
