"""The data folder: private, and one instance's at a time."""

from __future__ import annotations

import os
import stat

import pytest

from hedgerow.serve.folder import DataFolder, FolderError


def test_a_new_folder_is_private(tmp_path):
    """Nobody but the owner may look into it."""
    folder = DataFolder(tmp_path / "a" / "data")
    assert folder.is_new
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    folder.close()


def test_an_open_folder_is_closed_to_others(tmp_path):
    """A folder with wider rights is tightened."""
    tmp_path.chmod(0o755)
    DataFolder(tmp_path).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_folder_serves_one_instance(tmp_path):
    """The second instance is refused, and told who has it; after the first ended it may."""
    first = DataFolder(tmp_path)
    with pytest.raises(FolderError, match=f"in use by another Hedgerow .process {os.getpid()}."):
        DataFolder(tmp_path)
    first.close()
    DataFolder(tmp_path).close()


def test_a_file_is_no_folder(tmp_path):
    """The error says what is in the way."""
    file = tmp_path / "data"
    file.write_text("")
    with pytest.raises(FolderError, match="is a file, not a folder"):
        DataFolder(file)


def test_a_folder_that_cannot_be_made_is_an_error():
    """No traceback for a place where nothing can be written."""
    with pytest.raises(FolderError, match="--data-dir"):
        DataFolder(__import__("pathlib").Path("/proc/hedgerow"))
