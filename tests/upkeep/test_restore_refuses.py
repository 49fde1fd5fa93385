"""What is not restored: into a folder with something in it, and backups that are not whole."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tarfile

import pytest

from hedgerow.delivery import standby
from hedgerow.destinations.secrets import Keyring
from hedgerow.events import Draft, Event
from hedgerow.log.sqlite import SqliteLog
from hedgerow.store import open_connection
from hedgerow.upkeep import UpkeepError
from hedgerow.upkeep.backup import make
from hedgerow.upkeep.restore import inspect, restore
from support.store import fresh_store

FORMS = ["copy", "copy.tar", "copy.tar.gz", "copy.tar.zst"]


@pytest.fixture
def data(small, tmp_path):
    """The data folder of a small instance."""
    return shutil.copytree(small, tmp_path / "data")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The same, made once."""
    folder = tmp_path_factory.mktemp("small")
    fresh_store(folder)
    keyring = Keyring.load("", folder)
    log = SqliteLog(folder / "events", 4, clock=lambda: 1_700_000_000.0)
    log.append_now([Draft(1, "ada", 1, Event("u", "e", "ada").encode())])
    end = max(log._reader.end(partition) for partition in range(4))
    log.close()
    state = open_connection(folder / "state.db")
    state.execute("INSERT INTO positions (partition, folded_to, settled_to) VALUES (0, ?, ?)", (end, end))
    state.execute(
        "INSERT INTO destination_revisions (destination_id, number, config, secrets, author, created_at) "
        "VALUES (x'00', 1, '{}', ?, '', 0)", (keyring.seal(b"secret", "context"),),
    )  # fmt: skip
    state.close()
    (folder / "api.key").write_text("phx_key\n")
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_every_form_comes_back_as_it_was(data, tmp_path, form):
    """Files, keys and content are the same; what is new is that the copy stands by."""
    made = make(data, tmp_path / form)
    assert inspect(tmp_path / form) == made
    done = restore(tmp_path / form, tmp_path / "back")
    assert (done.standby, done.keys_missing, made.keys) == (True, (), "included")
    assert (tmp_path / "back" / "secrets.key").read_bytes() == (data / "secrets.key").read_bytes()
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == [
        "api.key", "events", "secrets.key", "state.db", "telemetry.db",
    ]  # fmt: skip
    assert standby.since(open_connection(tmp_path / "back" / "state.db"))


@pytest.mark.parametrize("form", FORMS)
def test_only_the_owner_may_read_it(data, tmp_path, form):
    """Backup and restored folder have events and keys in them."""
    before = os.umask(0o022)
    try:
        make(data, tmp_path / form)
        restore(tmp_path / form, tmp_path / "back")
    finally:
        os.umask(before)
    everything = [tmp_path / form, tmp_path / "back", *(tmp_path / "back").rglob("*")]
    everything += (tmp_path / form).rglob("*")
    assert not [path for path in everything if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_without_keys_it_says_which_one_is_missing(data, tmp_path):
    """Neither the key for secrets nor the API key is in it, and restoring names what is needed."""
    made = make(data, tmp_path / "copy", keys=False)
    assert not {"secrets.key", "api.key"} & made.files.keys()
    assert made.keys == "left out"
    done = restore(tmp_path / "copy", tmp_path / "back")
    assert done.keys_missing == made.sealed_under
    assert len(made.sealed_under) == 1
    known = (data / "secrets.key").read_text().split()
    assert restore(tmp_path / "copy", tmp_path / "again", keys=known).keys_missing == ()


def test_a_restored_instance_may_be_let_send_at_once(data, tmp_path):
    """Also when the original stood by."""
    state = open_connection(data / "state.db")
    standby.begin(state, 1)
    state.close()
    make(data, tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "back", send=True)
    assert standby.since(open_connection(tmp_path / "back" / "state.db")) is None


def test_a_folder_with_something_in_it_is_left_alone(data, tmp_path):
    """Neither a backup nor a restored folder takes the place of anything."""
    make(data, tmp_path / "copy")
    with pytest.raises(UpkeepError, match="is there already"):
        make(data, tmp_path / "copy")
    with pytest.raises(UpkeepError, match="is not empty"):
        restore(tmp_path / "copy", data)
    assert not (data / ".restoring").exists()


def test_an_empty_folder_may_be_there_already(data, tmp_path):
    """Such as the mount of a volume."""
    make(data, tmp_path / "copy.tar")
    (tmp_path / "mount").mkdir()
    restore(tmp_path / "copy.tar", tmp_path / "mount")
    assert (tmp_path / "mount" / "state.db").exists()


def _alter(folder, name, change):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))


def _flip(content: bytes) -> bytes:
    return content[:-10] + bytes([content[-10] ^ 1]) + content[-9:]


def _newer(content: bytes) -> bytes:
    raw = json.loads(content)
    return json.dumps({**raw, "release": "9.9", "schema": {**raw["schema"], "state": "9999"}}).encode()


def _with_a_file(name: str):
    def change(content: bytes) -> bytes:
        raw = json.loads(content)
        return json.dumps({**raw, "files": {**raw["files"], name: {"size": 0, "sha256": ""}}}).encode()

    return change


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("state.db", _flip, "state.db is not as it was written: its checksum"),
        ("telemetry.db", lambda content: content[:-1], "telemetry.db is not as it was written: its size"),
        ("manifest.json", _newer, "Hedgerow 9.9, which is newer"),
        ("manifest.json", lambda content: content[:100], "manifest.json is damaged"),
        ("manifest.json", lambda content: content.replace(b'"format": 1', b'"format": 2'), "which is newer"),
        ("manifest.json", _with_a_file("../evil"), "no backup has: '../evil'"),
        ("manifest.json", _with_a_file("events/7.db"), "lacks its file events/7.db"),
    ],
)  # fmt: skip
def test_a_backup_that_was_altered_is_refused(data, tmp_path, name, change, says):
    """With the reason, and nothing is left of the attempt."""
    make(data, tmp_path / "copy")
    _alter(tmp_path / "copy", name, change)
    for attempt in (
        lambda: inspect(tmp_path / "copy"),
        lambda: restore(tmp_path / "copy", tmp_path / "back"),
    ):
        with pytest.raises(UpkeepError, match=says.replace(".", r"\.")):
            attempt()
    assert not (tmp_path / "back").exists()


def test_a_file_that_is_gone_is_missed(data, tmp_path):
    """A backup without its manifest is none."""
    make(data, tmp_path / "copy")
    (tmp_path / "copy" / "manifest.json").unlink()
    with pytest.raises(UpkeepError, match=r"has no manifest\.json"):
        inspect(tmp_path / "copy")


@pytest.mark.parametrize("form", FORMS[1:])
def test_an_archive_that_is_cut_off_is_refused(data, tmp_path, form):
    """At any length."""
    make(data, tmp_path / form)
    whole = (tmp_path / form).read_bytes()
    for share in (0.0, 0.3, 0.7, 0.95):
        (tmp_path / form).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UpkeepError, match="backup"):
            restore(tmp_path / form, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_an_archive_with_a_strange_member_is_refused(data, tmp_path):
    """Nothing of it is written anywhere."""
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        (tmp_path / "file").write_text("x")
        archive.add(tmp_path / "file", "../outside")
    with pytest.raises(UpkeepError, match=r"'\.\./outside'"):
        restore(path, tmp_path / "back")
    assert not (tmp_path / "outside").exists()


def test_a_log_that_ends_too_early_is_noticed(data, tmp_path):
    """New events would get positions that were read already, and be lost."""
    state = open_connection(data / "state.db")
    state.execute("UPDATE positions SET folded_to = folded_to + 1")
    state.close()
    make(data, tmp_path / "copy")
    with pytest.raises(UpkeepError, match="ends before the positions"):
        inspect(tmp_path / "copy")


def test_a_folder_that_is_none_is_named(tmp_path):
    """Backing up nothing is a mistake that is told."""
    with pytest.raises(UpkeepError, match="no data folder"):
        make(tmp_path, tmp_path / "copy")
    with pytest.raises(UpkeepError, match="There is no backup"):
        restore(tmp_path / "nothing.tar", tmp_path / "back")
