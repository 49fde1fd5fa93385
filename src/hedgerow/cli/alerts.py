"""``hedgerow alerts``: rules about deliveries, and the incidents that came of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import click

from hedgerow.cli.client import Client
from hedgerow.cli.errors import CommandFailed
from hedgerow.cli.options import ListByDefault, connected, one_named
from hedgerow.cli.output import fields, heading, local_time, safe, show_json, table

HEADERS = ("ID", "NAME", "WHAT", "TELLS", "STATE")
INCIDENT_HEADERS = ("ID", "ALERT", "BEGAN", "ENDED", "WHAT")
KINDS = ("failure_rate", "state", "backlog", "held", "integration")
STATES = ("degraded", "quarantined", "disabled")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
NEVER = "never"


@click.group("alerts", cls=ListByDefault)
def command() -> None:
    """Be told when deliveries fail, and when all is well again.

    \b
    hedgerow alerts add failure_rate --email ops@example.com         half of 20 or more failed within 10 minutes
    hedgerow alerts add failure_rate -d "Ops webhook" --threshold 10% --window 1h --notify "Ops channel"
    hedgerow alerts add state --notify "Ops channel"                 a destination is quarantined or disabled
    hedgerow alerts add backlog --threshold 5m --email ops@example.com
    hedgerow alerts test 3                                           does the mail arrive?
    hedgerow alerts incidents                                        what happened
    """  # noqa: D301 - the mark tells click to keep the lines as they are


# ----------------------------------------------------------------- options


def _seconds(_context: click.Context, option: click.Parameter, text: str | None) -> int | str | None:
    """A time like 90, 90s, 10m, 2h or 1d, in seconds."""
    if text is None or (text == NEVER and option.name == "remind"):
        return text
    found = re.fullmatch(r"(\d{1,9})([smhd]?)", text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no time: write one like 90s, 10m, 2h or 1d.")
    return int(found[1]) * UNITS[found[2]]


def _threshold(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """A number, a share in percent, or a time."""
    if text is None:
        return None
    if found := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", text.strip()):
        return float(found[1]) / 100
    if found := re.fullmatch(r"(\d{1,9})([smhd])", text.strip()):
        return int(found[1]) * UNITS[found[2]]
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither a number nor a share like 50% nor a time like 5m."
        ) from None


def ruled(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say what is watched and who is told, as one argument ``given``."""
    options = (
        click.option("--name", metavar="TEXT", help="What to call it."),
        click.option("-d", "--destination", metavar="NAME", help="Watch only this destination, not each of the project."),
        click.option("--together/--each", default=None, help="Watch all destinations as one, or each on its own."),
        click.option(
            "--threshold", callback=_threshold, metavar="VALUE",
            help="From where on it is an incident: a share of failures (50%), an age (5m), or a number held.",
        ),
        click.option("--window", callback=_seconds, metavar="TIME", help="How far back results count, like 10m."),
        click.option("--min-count", type=int, metavar="N", help="With fewer results in the window nothing is decided."),
        click.option(
            "--state", "states", multiple=True, type=click.Choice(STATES), help="A state that is an incident; repeat it for more.",
        ),
        click.option("--calm", callback=_seconds, metavar="TIME", help="How long all must be well until it is over."),
        click.option(
            "--remind", callback=_seconds, metavar="TIME", help="Tell it again so often until somebody acknowledges; or never.",
        ),
        click.option("--notify", multiple=True, metavar="NAME", help="A destination that gets it as an event; repeat it for more."),
        click.option("--email", "emails", multiple=True, metavar="ADDRESS", help="Who gets a mail; repeat it for more."),
    )  # fmt: skip

    @functools.wraps(function)
    def wrapped(client: Client, **given: Any) -> None:
        own = {name: given.pop(name) for name in NAMES}
        function(client, given=_body(client, own), **given)

    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


NAMES = (
    "name", "destination", "together", "threshold", "window", "min_count", "states", "calm", "remind", "notify", "emails",
)  # fmt: skip


def _body(client: Client, own: dict[str, Any]) -> dict[str, Any]:
    """What was given, as the API takes it."""
    destination = own["destination"]
    body = {
        "name": own["name"],
        "destination_id": one_named(client, destination)["id"] if destination else None,
        "together": own["together"],
        "threshold": own["threshold"],
        "window_s": own["window"],
        "min_count": own["min_count"],
        "states": list(own["states"]),
        "calm_s": own["calm"],
        "remind_s": own["remind"],
        "destinations": [one_named(client, name)["id"] for name in own["notify"]],
        "emails": list(own["emails"]),
    }
    found = {name: value for name, value in body.items() if value not in (None, [])}
    return {**found, "remind_s": None} if own["remind"] == NEVER else found


# ---------------------------------------------------------------- commands


@command.command("list")
@connected
def listed(client: Client, *, as_json: bool) -> None:
    """List the alerts."""
    found = list(client.pages("alerts/"))
    if as_json:
        show_json(found)
        return
    names = _names(client) if found else {}
    rows = [(one["id"], one["name"], _what(one, names), _who(one, names), _state(one)) for one in found]
    table(HEADERS, rows, empty="There are no alerts yet. See: hedgerow alerts --help")
    for one in found:
        for problem in one["problems"]:
            click.echo(f"Alert {one['id']}: {safe(problem)}", err=True)


@command.command("add")
@click.argument("kind", type=click.Choice(KINDS))
@connected
@ruled
def add(client: Client, *, kind: str, given: dict[str, Any], as_json: bool) -> None:
    """Make an alert of a KIND: failure_rate, state, backlog, held or integration.

    What is not said has a sensible default. Nothing that happened before counts.
    """
    made = client.post("alerts/", {"name": kind.replace("_", " "), **given, "kind": kind})
    if as_json:
        show_json(made)
        return
    names = _names(client)
    click.echo(f"Alert {made['id']}: {_what(made, names)}. It tells {_who(made, names) or NOBODY}.")
    for problem in made["problems"]:
        click.echo(safe(problem), err=True)


NOBODY = (
    "nobody but internal destinations that listen to $alert_opened: name somebody with --email or --notify"
)


@command.command("set")
@click.argument("number", type=int, metavar="ID")
@click.option("--on/--off", "enabled", default=None, help="Switch it on or off.")
@click.option("--everywhere", is_flag=True, help="Watch all destinations again.")
@click.option("--nobody", is_flag=True, help="Tell nobody but those named here.")
@connected
@ruled
def change(
    client: Client,
    *,
    number: int,
    enabled: bool | None,
    everywhere: bool,
    nobody: bool,
    given: dict[str, Any],
    as_json: bool,
) -> None:
    """Change the alert ID. With another condition it begins anew."""
    cleared: dict[str, Any] = {"destinations": [], "emails": []} if nobody else {}
    switched = {} if enabled is None else {"enabled": enabled}
    scope = {"destination_id": None} if everywhere else {}
    body = {**cleared, **switched, **given, **scope}
    if not body:
        raise CommandFailed("Say what to change; see: hedgerow alerts set --help", status=2)
    made = client.patch(f"alerts/{number}/", body)
    if as_json:
        show_json(made)
        return
    names = _names(client)
    click.echo(
        f"Alert {number} is {_state(made)}: {_what(made, names)}. It tells {_who(made, names) or NOBODY}."
    )


@command.command("remove")
@click.argument("number", type=int, metavar="ID")
@connected
def remove(client: Client, *, number: int, as_json: bool) -> None:
    """Remove the alert ID. Its incidents stay to be read."""
    answer = client.delete(f"alerts/{number}/")
    show_json(answer) if as_json else click.echo(f"Alert {number} is gone.")


@command.command("test")
@click.argument("number", type=int, metavar="ID")
@connected
def test(client: Client, *, number: int, as_json: bool) -> None:
    """Send a test to everybody whom the alert ID tells, and say whether it went out."""
    found = client.post(f"alerts/{number}/test/", {})
    if as_json:
        show_json(found)
        return
    names = _names(client)
    for one in found["emails"]:
        click.echo(f"{safe(one['recipient'])}: {'mailed' if one['sent'] else safe(one['error'])}")
    for one in found["destinations"]:
        name = safe(names.get(one["destination_id"], one["destination_id"]))
        said = (
            f"on its way; see: hedgerow deliveries -d {one['destination_id']}"
            if one["sent"]
            else safe(one["error"])
        )
        click.echo(f"{name}: {said}")
    if not found["emails"] and not found["destinations"]:
        click.echo(f"The alert tells {NOBODY}.")
    if not all(one["sent"] for one in [*found["emails"], *found["destinations"]]):
        raise CommandFailed("Not everybody was told.")


@command.command("incidents")
@click.argument("identity", required=False, metavar="[ID]")
@click.option("--alert", type=int, metavar="ID", help="Only those of this alert.")
@click.option("--open", "state", flag_value="open", help="Only those that are not over.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, help="How many at most, 50 if not given.")
@connected
def list_incidents(
    client: Client, *, identity: str | None, alert: int | None, state: str | None, limit: int, as_json: bool
) -> None:
    """List incidents, the newest first, or show the one with this ID and the mails that told of it."""
    if identity is not None:
        _show_incident(client.get(f"alerts/incidents/{identity}/"), as_json=as_json)
        return
    found = client.get("alerts/incidents/", alert=alert, state=state, limit=limit)
    if as_json:
        show_json(found["results"])
        return
    rows = [
        (one["id"], one["alert"]["name"], local_time(one["opened_at"]), _ended(one), one["text"])
        for one in found["results"]
    ]
    table(INCIDENT_HEADERS, rows, empty="There were no incidents.")


def _show_incident(one: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(one)
        return
    fields(
        {
            "alert": f"{one['alert']['name']} ({one['alert']['id']})",
            "about": one["subject_name"],
            "what": one["text"],
            "began": local_time(one["opened_at"]),
            "ended": _ended(one),
            "how": one["resolution_text"],
            "acknowledged": f"{one['acknowledged_by']}, {local_time(one['acknowledged_at'])}"
            if one["acknowledged_at"]
            else None,
        }
    )
    if one["mails"]:
        heading("Mails")
        rows = [
            (local_time(mail["created_at"]), mail["recipient"], _fate(mail), mail["subject"])
            for mail in one["mails"]
        ]
        table(("MADE", "TO", "SENT", "SUBJECT"), rows, empty="")


@command.command("acknowledge")
@click.argument("identity", metavar="ID")
@connected
def acknowledge(client: Client, *, identity: str, as_json: bool) -> None:
    """Say that you look after the incident ID: there are no more reminders."""
    found = client.post(f"alerts/incidents/{identity}/acknowledge/", {})
    if as_json:
        show_json(found)
        return
    over = (
        "It is over already." if found["resolved_at"] else f"{safe(found['acknowledged_by'])} looks after it."
    )
    click.echo(over)


# ------------------------------------------------------------------- words


def _names(client: Client) -> dict[str, str]:
    """The destinations' names by their ids."""
    return {
        one["id"]: one["name"]
        for one in client.pages("hog_functions/", types="destination,internal_destination")
    }


def _what(one: dict[str, Any], names: dict[str, str]) -> str:
    """A rule's condition in words."""
    where = (
        names.get(one["destination_id"] or "", "a destination that is gone") if one["destination_id"] else ""
    )
    scope = where or ("all destinations together" if one["together"] else "any destination")
    threshold = one["threshold"]
    match one["kind"]:
        case "failure_rate":
            return f"{scope}: {threshold:.1%} of {one['min_count']} or more failed within {_span(one['window_s'])}"
        case "state":
            return f"{scope}: {' or '.join(one['states'])}"
        case "backlog":
            return f"the oldest waiting event is {_span(threshold)} old"
        case "held":
            return f"{scope}: {threshold:g} deliveries held"
        case _:
            return "an account has to be connected again"


def _who(one: dict[str, Any], names: dict[str, str]) -> str:
    return ", ".join([*one["emails"], *(names.get(identity, identity) for identity in one["destinations"])])


def _state(one: dict[str, Any]) -> str:
    if not one["enabled"]:
        return "off"
    return f"{one['open_incidents']} open" if one["open_incidents"] else "quiet"


def _ended(one: dict[str, Any]) -> str:
    if one["resolved_at"]:
        words = "" if one["resolution"] == "recovered" else f" ({one['resolution']})"
        return local_time(one["resolved_at"]) + words
    return "acknowledged" if one["acknowledged_at"] else "open"


def _fate(mail: dict[str, Any]) -> str:
    if mail["sent_at"]:
        return local_time(mail["sent_at"])
    return ("waits: " if mail["next_try_at"] else "given up: ") + mail["error"] if mail["error"] else "waits"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
