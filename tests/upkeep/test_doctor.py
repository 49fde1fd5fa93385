"""The check-up: each trouble is seen and has its advice, and a sound instance is called sound."""

from __future__ import annotations

import os
import re
import socket
import tarfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from hedgerow.cli.app import hedgerow_command
from hedgerow.delivery import standby
from hedgerow.serve.folder import DataFolder
from hedgerow.settings import load
from hedgerow.store import migrate, open_connection
from hedgerow.upkeep import ground
from hedgerow.upkeep.doctor import Finding, examine, holder, worst
from support.mailhouse import MailServer
from support.server import free_port

FIXTURE = Path(__file__).parents[1] / "upgrade" / "release_0.1.0.tar.xz"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data folder of this release, in which everything is settled."""
    folder = tmp_path_factory.mktemp("doctor") / "data"
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    migrate(folder)
    state = open_connection(folder / "state.db")
    state.execute("UPDATE positions SET settled_to = 1 << 60, folded_to = 1 << 60")
    state.close()
    return folder


@pytest.fixture
def data(prepared, tmp_path, monkeypatch):
    """The same for one test, owned and hidden as it should be, on a quick disk."""
    for name in [name for name in os.environ if name.startswith("HEDGEROW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(ground, "_sync_times", lambda _place: [1.0])
    folder = tmp_path / "data"
    for source in [prepared, *prepared.rglob("*")]:
        target = folder / source.relative_to(prepared)
        if source.is_dir():
            target.mkdir(mode=0o700)
        else:
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
    return folder


def found(data: Path, *, thorough: bool = False, **settings) -> list[Finding]:
    """All findings of a check-up."""
    chosen = load(**{"data_dir": data, "port": free_port(), "disk_reserve_bytes": 0, **settings})
    return list(examine(chosen, thorough=thorough))


def bad(findings: list[Finding]) -> list[Finding]:
    """Those that are not well; each has an advice."""
    some = [finding for finding in findings if finding.level != "ok" and finding.check != "disk"]
    assert all(finding.advice for finding in some)
    return some


def only(data: Path, **settings) -> Finding:
    """The one thing that is wrong."""
    (finding,) = bad(found(data, **settings))
    return finding


def test_a_sound_instance_has_nothing_to_complain_of(data):
    """Everything that is looked at is well, its databases too."""
    findings = found(data, thorough=True)
    assert bad(findings) == []
    assert {finding.check for finding in findings} >= {
        "settings", "port", "egress", "names", "mail", "open files", "folder", "permissions", "disk", "disk speed", "clock",
        "release", "schema", "databases", "keys", "server", "lag", "deliveries",
    }  # fmt: skip


def test_nothing_is_left_behind(data):
    """Neither files of its own nor changed ones."""
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}
    found(data, thorough=True)
    after = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}
    assert after == before


def test_a_folder_that_is_not_there_yet_is_no_trouble(tmp_path, data):
    """One who has not begun yet asks whether he can."""
    findings = found(tmp_path / "new")
    assert bad(findings) == []
    assert not (tmp_path / "new").exists()


def test_misspelt_settings_are_named(data, monkeypatch):
    """With the one that was meant."""
    monkeypatch.setenv("HEDGEROW_WORKER", "3")
    assert "HEDGEROW_WORKER is set" in only(data).text
    assert only(data).advice == "Did you mean HEDGEROW_WORKERS?"


def test_links_that_lead_nowhere_are_named(data):
    """An open address without a public one, and without encryption."""
    assert "HEDGEROW_PUBLIC_URL" in only(data, host="0.0.0.0").advice
    assert "without encryption" in only(data, host="0.0.0.0", public_url="http://example.com").text


def test_a_port_that_is_taken_is_named(data):
    """By whomever."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        finding = only(data, port=other.getsockname()[1])
    assert (finding.check, finding.level) == ("port", "trouble")


def test_a_guard_that_lets_everything_through_is_named(data):
    """Above all where clouds keep their credentials."""
    assert "169.254.169.254" in only(data, egress_allow="0.0.0.0/0").text
    assert not bad(found(data, egress_allow="10.0.0.0/8"))


def test_a_mail_server_is_tried(data):
    """Whether it takes a connection is said without a mail; what keeps mails from going out is named."""
    with MailServer() as server:
        where = {"smtp_host": "localhost", "smtp_port": server.port}
        findings = found(data, **where, smtp_security="none")
        assert not bad(findings)
        assert f"localhost:{server.port} takes the connection." in {finding.text for finding in findings}
        refused = only(data, **where, smtp_security="starttls")
        assert (refused.check, refused.level) == ("mail", "trouble")
        assert "does not offer STARTTLS" in refused.text
        assert server.mails == []


def test_keys_that_others_can_read_are_named(data):
    """That is trouble; a folder that others can look into a warning."""
    (data / "secrets.key").chmod(0o644)
    assert only(data).text == "Others on this machine may read secrets.key."
    (data / "secrets.key").chmod(0o600)
    data.chmod(0o755)
    assert (only(data).level, only(data).advice) == ("warning", f"chmod 700 {data}")


def test_a_full_disk_is_named(data):
    """Before and after events are refused."""
    levels = [
        next(one for one in found(data, disk_reserve_bytes=bytes_) if one.check == "disk").level
        for bytes_ in (1 << 60, _free(data) // 2)
    ]
    assert levels == ["trouble", "warning"]


def _free(data: Path) -> int:
    info = os.statvfs(data)
    return info.f_bavail * info.f_frsize


@pytest.mark.parametrize(("took", "says"), [(100.0, "slow"), (0.001, "hardly be on a disk")])
def test_a_disk_that_is_slow_or_too_quick_is_named(data, monkeypatch, took, says):
    """One that does not wait loses what was acknowledged."""
    monkeypatch.setattr(ground, "_sync_times", lambda _place: [took])
    assert says in only(data).text


def test_the_time_of_a_sync_is_taken(data, monkeypatch):
    """Really."""
    monkeypatch.undo()
    assert all(took > 0 for took in ground._sync_times(data))


def test_a_clock_that_was_set_back_is_named(data):
    """What the folder knows is later than now."""
    state = open_connection(data / "state.db")
    state.execute("UPDATE deliveries SET updated_at = ?", (int(time.time() * 1000) + 600_000,))
    state.close()
    assert "10 minutes in the future" in only(data).text


def test_a_clock_of_the_disk_that_is_off_is_named(data, monkeypatch):
    """As on a network file system."""
    monkeypatch.setattr(ground, "_file_clock", lambda _place: time.time() - 90)
    assert "-90 s off" in only(data).text


def test_a_schema_of_another_release_is_named(data):
    """An earlier one is upgraded, a later one left alone."""
    _state(data, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer release" in only(data).text
    _state(data, "UPDATE alembic_version SET version_num = '0001'")
    assert "'hedgerow backup'" in only(data).advice


def _state(data: Path, sql: str) -> None:
    state = open_connection(data / "state.db")
    state.execute(sql)
    state.close()


def test_damaged_files_are_named(data):
    """Also an hour of the log; only when it is asked for."""
    (segment,) = (data / "events").glob("*.db")
    content = segment.read_bytes()
    segment.write_bytes(content[:5000] + b"\xff" * 4000 + content[9000:])
    assert str(segment) in next(
        one.text for one in bad(found(data, thorough=True)) if one.check == "databases"
    )


def test_a_key_that_is_gone_is_named(data):
    """With its name, as 'hedgerow keys list' has it."""
    (data / "secrets.key").write_text("another key that is long enough\n")
    assert re.search(r"key that is not here: [0-9a-f]{8}\.", only(data).text)


def test_events_that_wait_for_a_server_are_named(data):
    """They were accepted."""
    _state(data, "UPDATE positions SET settled_to = 0")
    finding = only(data)
    assert (finding.check, finding.advice) == ("lag", "Start it: 'hedgerow serve'.")


def test_what_keeps_deliveries_from_going_out_is_named(data):
    """Standing by, and destinations that are ill."""
    state = open_connection(data / "state.db")
    standby.begin(state, int(time.time() * 1000) - 7_200_000)
    state.execute(
        "INSERT INTO destination_health (destination_id, project_id, state, since)"
        " SELECT id, 1, 'quarantined', 0 FROM destinations WHERE name = 'sealed'"
    )
    state.close()
    assert [finding.text for finding in bad(found(data))] == [
        "The instance stands by for 2 hours: it sends nothing.",
        "'sealed' is quarantined; what it wants is held.",
    ]


def test_a_server_that_does_not_answer_is_named(data):
    """Somebody has the folder, and nobody the port."""
    (data / "locks").mkdir()
    held = DataFolder(data)
    try:
        assert holder(data) == os.getpid()
        assert [finding.check for finding in bad(found(data))] == ["port", "server"]
    finally:
        held.close()
    assert holder(data) is None


def test_a_check_that_fails_is_a_finding(data):
    """The others are done all the same."""
    (data / "state.db").write_bytes(b"no database" * 1000)
    findings = found(data)
    assert worst(findings) == "trouble"
    assert {finding.check for finding in bad(findings)} >= {"schema", "keys"}
    assert findings[-1].check == "deliveries"


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        (lambda data: None, 0, "All is well."),
        (lambda data: data.chmod(0o755), 1, "It works; 1 thing to look after."),
        (lambda data: (data / "secrets.key").chmod(0o644), 2, "1 thing to be mended."),
    ],
)
def test_the_exit_status_says_how_it_is(data, monkeypatch, change, status, says):
    """0, 1 and 2, and the last line says it in words."""
    monkeypatch.setenv("HEDGEROW_DISK_RESERVE_BYTES", "0")
    monkeypatch.setattr(ground, "_file_system", lambda _place: "ext4")
    change(data)
    arguments = ["doctor", "--quick", "--data-dir", str(data), "--port", str(free_port())]
    answer = CliRunner().invoke(hedgerow_command, arguments)
    assert (answer.exit_code, answer.output.splitlines()[-1]) == (status, says)


def test_a_setting_that_cannot_be_is_all_there_is_to_say(data, monkeypatch):
    """Nothing else can be looked at."""
    monkeypatch.setenv("HEDGEROW_PARTITIONS", "many")
    answer = CliRunner().invoke(hedgerow_command, ["doctor", "--json"])
    assert answer.exit_code == 2
    assert "HEDGEROW_PARTITIONS cannot be 'many'" in answer.output
