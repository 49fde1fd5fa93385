"""``hedgerow pause``, ``resume`` and ``discard``: keep what a destination wants for later, send it, or throw it away."""

from __future__ import annotations

from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.options import connected, one_named
from hedgerow.cli.output import local_time, show_json


@click.command("pause")
@click.argument("name")
@connected
def pause(client: Client, *, name: str, as_json: bool) -> None:
    """Hold what the destination NAME wants until it is resumed."""
    answer = _post(client, name, "pause")
    if as_json:
        show_json(answer)
        return
    click.echo(
        f"{answer['name']} is paused since {local_time(answer['health']['paused_at'])}; {_held(answer)}."
    )


@click.command("resume")
@click.argument("name")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="Held deliveries sent per second."
)
@click.option("--latest", is_flag=True, help="Of what is held send only the latest of each person.")
@connected
def resume(client: Client, *, name: str, rate: float | None, latest: bool, as_json: bool) -> None:
    """Send to the destination NAME again; what was held follows behind what comes in."""
    order = "latest_per_person" if latest else "all"
    answer = _post(client, name, "resume", {"order": order} | ({} if rate is None else {"rate": rate}))
    if as_json:
        show_json(answer)
        return
    click.echo(f"{answer['name']} is resumed; {_held(answer)}, which goes out now.")
    state = answer["health"]["state"]
    if state in {"quarantined", "disabled"}:
        click.echo(f"It is still {state}: {answer['health']['reason']}", err=True)


@click.command("discard")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def discard(client: Client, *, name: str, yes: bool, as_json: bool) -> None:
    """Throw away what the destination NAME holds. The deliveries stay listed as discarded."""
    found = one_named(client, name)
    if not yes:
        click.confirm(f"{found['name']}: {_held(found)}. Throw that away?", abort=True, err=True)
    answer = client.post(f"hog_functions/{found['id']}/discard/", {})
    if as_json:
        show_json(answer)
        return
    click.echo(f"{answer['name']}: what it held is being thrown away.")


def _post(client: Client, name: str, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    found = one_named(client, name)
    answer: dict[str, Any] = client.post(f"hog_functions/{found['id']}/{what}/", body or {})
    return answer


def _held(item: dict[str, Any]) -> str:
    """What a destination holds, in words."""
    count, oldest = item["held"]["count"], item["held"]["oldest"]
    if not count:
        return "it holds nothing"
    return f"it holds {count:,} deliver{'y' if count == 1 else 'ies'}, the oldest from {local_time(oldest)}"
