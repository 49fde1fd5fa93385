"""Makes the data folder of a release, from which the tests of upgrades begin: run once for each release, and kept.

Usage, with the tests and the source of the release checked out beside this one::

    PYTHONPATH=RELEASE/src:RELEASE/tests python tests/upgrade/make_folder.py tests/upgrade/release_X.tar.xz

In it are deliveries with every common verdict, people, secrets under a key, and events that were accepted but not read when the
instance was killed. Its clock stands at the beginning of 2026, so that whatever waits in it is due on any day that it is opened.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tarfile
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from hedgerow.store import open_connection
from support.background import BackgroundSink
from support.server import Server, eventually
from support.sink import Step

MOMENT = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECRET = "sk_upgraded_0123456789"
PROGRAM = """
let answer := fetch(inputs.url, {'method': 'POST', 'headers': {'Authorization': concat('Bearer ', inputs.token)},
    'body': {'uuid': event.uuid, 'person': person.properties.name}});
if (answer.status >= 400) { throw Error(f'answered {answer.status}') }
return answer.status
"""
SCHEMA = [
    {"key": "url", "type": "string", "required": True},
    {"key": "token", "type": "string", "secret": True, "required": True},
]
CHAOS = Path(__file__).resolve().parents[1] / "support" / "chaos_clock"


def main(target: Path) -> None:
    """Run the release, and pack what it leaves behind."""
    folder = Path(tempfile.mkdtemp())
    (folder / "clock").write_text(str(MOMENT.timestamp() - time.time()))
    with BackgroundSink() as sink:
        server = Server(
            folder / "instance", CHAOS_CLOCK=str(folder / "clock"), DESTINATION_1_SINK=sink.url,
            PYTHONPATH=os.pathsep.join([str(CHAOS), os.environ["PYTHONPATH"]]),
        )  # fmt: skip
        server.start()
        live(server, sink)
        leave(server)
    pack(server.data, target)


def live(server: Server, sink: BackgroundSink) -> None:
    """Everything an instance goes through in its life."""
    hook(server, "delivered")
    paused = hook(server, "held")
    hook(server, "failed", events=["bad"])
    sealed(server)
    server.api("POST", f"hog_functions/{paused}/pause/", {})
    sink.script("/failed", Step(status=400), forever=True)
    sink.script("/sealed", *[Step(status=503)] * 3)
    ada = {"$set": {"name": "Ada", "plan": "free"}}
    server.send("signed_up", "ada", **ada)
    server.send("$identify", "ada", **{"$anon_distinct_id": "anon-1"})
    server.send(
        "$groupidentify", "ada", **{"$group_type": "company", "$group_key": "acme", "$group_set": {"size": 3}}
    )
    server.send("bad", "bob", **{"$set": {"name": "Bob"}})
    server.send("paid", "ada", amount=12.5)
    eventually(
        lambda: {row["verdict"] for row in server.deliveries()} >= {"delivered", "held", "failed", "retrying"}
    )
    eventually(lambda: all(row["verdict"] != "running" for row in server.deliveries()))
    server.api("PATCH", f"hog_functions/{paused}/", {"description": "Held until after the upgrade."})


def hook(server: Server, name: str, *, events: list[str] | None = None) -> str:
    """A destination that tells which event it got."""
    filters = {"events": [{"id": event, "name": event, "type": "events"} for event in events or []]}
    program = f"return fetch(concat(inputs.url, '/{name}'), {{'method': 'POST', 'body': {{'uuid': event.uuid}}}}).status"
    body = {
        "name": name, "type": "destination", "enabled": True, "hog": program, "filters": filters,
        "inputs_schema": [{"key": "url", "type": "string", "secret": True}],
        "inputs": {"url": {"from_env": "DESTINATION_1_SINK"}},
    }  # fmt: skip

    return server.api("POST", "hog_functions/", body)["id"]


def sealed(server: Server) -> str:
    """A destination with a secret, whose tool is down."""
    program = PROGRAM.replace("inputs.url", "concat(inputs.url, '/sealed')")
    filters = {"events": [{"id": "paid", "name": "paid", "type": "events"}]}
    schema = [{**SCHEMA[0], "secret": True}, SCHEMA[1]]
    inputs = {"url": {"from_env": "DESTINATION_1_SINK"}, "token": {"value": SECRET}}
    body = {
        "name": "sealed", "type": "destination", "enabled": True, "hog": program, "filters": filters,
        "inputs_schema": schema, "inputs": inputs,
    }  # fmt: skip
    return server.api("POST", "hog_functions/", body)["id"]


def leave(server: Server) -> None:
    """Accept events that no worker reads any more, and die."""
    children = server.children()
    os.kill(children["worker-1"], signal.SIGSTOP)
    for number in range(5):
        server.send("unread", f"late-{number}", n=number)
    server.process.kill()
    server.process.wait()
    server.process = None
    time.sleep(1)


def pack(data: Path, target: Path) -> None:
    """The folder, without what only a running instance needs."""
    for path in [*data.glob("*.db"), *(data / "events").glob("*.db")]:
        connection = open_connection(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.close()
    names = [path for path in sorted(data.rglob("*")) if path.is_file() and path.parent.name != "locks"]
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for path in names:
            archive.add(path, str(path.relative_to(data)), filter=_plain)
    print(json.dumps({str(path.relative_to(data)): path.stat().st_size for path in names}))
    print(f"{target}: {target.stat().st_size} bytes")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]))
