"""``/api/projects/:id/alerts/``: rules about deliveries, and the incidents that came of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response

from hedgerow.accounts import throttle
from hedgerow.accounts.users import get_user
from hedgerow.alerts import incidents, rules
from hedgerow.alerts.errors import AlertError, MailError
from hedgerow.alerts.incidents import Incident
from hedgerow.alerts.mailer import Mail
from hedgerow.alerts.model import Config, Reading, Rule, name_of, parsed
from hedgerow.alerts.picture import totals
from hedgerow.alerts.telling import News, send_event
from hedgerow.api.access import Access, Identity, id_bytes, json_fields, needs
from hedgerow.api.errors import Invalid, NotFound
from hedgerow.api.paging import DEFAULT_LIMIT, number, page, page_of
from hedgerow.api.people import user_summary
from hedgerow.api.times import iso
from hedgerow.destinations.model import RUNNABLE_TYPES
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/alerts")

Viewing = Annotated[Access, Depends(needs("alert:read"))]
Writing = Annotated[Access, Depends(needs("alert:write"))]

CONDITION: Final = ("destination_id", "together", "threshold", "window_s", "min_count", "states")
KNOWN: Final = {"name", "kind", "enabled", *CONDITION, "calm_s", "remind_s", "destinations", "emails"}
DESTINATIONS: Final = """
SELECT id, name, type, enabled FROM destinations
WHERE project_id = ? AND deleted = 0 AND id IN (SELECT unhex(value) FROM json_each(?))
"""
TESTS: Final = 20
TESTS_WINDOW_MS: Final = 600_000


@dataclass(frozen=True, slots=True)
class Target:
    """A destination of the project."""

    name: str
    type: str
    enabled: bool


@router.get("")
async def list_alerts(request: Request, access: Viewing) -> dict[str, Any]:
    """The alerts of the project, the oldest first."""

    def work(connection: Connection) -> list[dict[str, Any]]:
        return _shown_all(connection, access, rules.listed(connection, access.project.id))

    return page(request, await access.services.state.read(work))


@router.post("", status_code=201)
async def create_alert(request: Request, access: Writing) -> dict[str, Any]:
    """Make an alert. Fields that are left out get the defaults of its kind; what happened before does not count."""
    body = _known(await json_fields(request))
    services, now = access.services, access.services.now()
    try:
        config = parsed(body.get("kind"), body)
        name = name_of(body.get("name"))
    except AlertError as error:
        raise _invalid(error) from error
    _check_recipients(access, config.emails)
    made = Rule(0, access.project.id, name, str(body["kind"]), _enabled(body, default=True), config, now,
                access.actor.user_id, now, now)  # fmt: skip
    counted = await _totals(access, config)

    def work(connection: Connection) -> dict[str, Any]:
        _check_destinations(connection, access, config)
        try:
            kept = rules.add(connection, made, counted)
        except AlertError as error:
            raise _invalid(error) from error
        access.record(connection, "created", "Alert", kept.id, name=kept.name, after=_told(kept))
        return _shown_all(connection, access, [kept])[0]

    return await services.state.write(work)


# ---------------------------------------------------------------- incidents


@router.get("/incidents")
async def list_incidents(request: Request, access: Viewing) -> dict[str, Any]:
    """Incidents, the newest first; ``alert`` chooses those of one alert, ``state`` those that are ``open`` or ``resolved``.

    An incident outlives its alert by ninety days.
    """
    limit, offset = number(request, "limit", DEFAULT_LIMIT, least=1), number(request, "offset", 0, most=10**9)
    rule = number(request, "alert", -1, most=10**9)
    state = request.query_params.get("state", "")
    if state not in {"", "open", "resolved"}:
        raise Invalid("One of open, resolved.", attr="state")

    def work(connection: Connection) -> tuple[list[dict[str, Any]], int]:
        found, count = incidents.listed(
            connection, access.project.id, rule_id=None if rule < 0 else rule,
            open_=state == "open" if state else None, limit=limit, offset=offset,
        )  # fmt: skip
        return _shown_incidents(connection, found), count

    shown, count = await access.services.state.read(work)
    return page_of(request, shown, count, limit, offset)


@router.get("/incidents/{incident_id}")
async def retrieve_incident(incident_id: str, access: Viewing) -> dict[str, Any]:
    """One incident, with the mails that told of it."""

    def work(connection: Connection) -> dict[str, Any]:
        return _shown_incidents(connection, [_incident(connection, access, incident_id)])[0]

    return await access.services.state.read(work)


@router.post("/incidents/{incident_id}/acknowledge")
async def acknowledge_incident(incident_id: str, access: Writing) -> dict[str, Any]:
    """Say that you look after it: there are no more reminders. Its end is told all the same."""
    services = access.services

    def work(connection: Connection) -> dict[str, Any]:
        found = _incident(connection, access, incident_id)
        if incidents.acknowledge(connection, found.id, access.author, services.now()):
            access.record(connection, "acknowledged", "AlertIncident", found.uuid, name=found.rule_name)
        return _shown_incidents(connection, [_incident(connection, access, incident_id)])[0]

    return await services.state.write(work)


# --------------------------------------------------------------------- one


@router.get("/{alert_id}")
async def retrieve_alert(alert_id: Identity, access: Viewing) -> dict[str, Any]:
    """One alert."""

    def work(connection: Connection) -> dict[str, Any]:
        return _shown_all(connection, access, [_found(connection, access, alert_id)])[0]

    return await access.services.state.read(work)


@router.patch("/{alert_id}")
async def change_alert(alert_id: Identity, request: Request, access: Writing) -> dict[str, Any]:
    """Change an alert. With another condition, or switched on again, it begins anew, and open incidents are withdrawn."""
    body = _known(await json_fields(request))
    services = access.services
    before = await services.state.read(lambda c: _found(c, access, alert_id))
    after = _changed(before, body)
    _check_recipients(access, set(after.config.emails) - set(before.config.emails))
    counted = await _totals(access, after.config)

    def work(connection: Connection) -> dict[str, Any]:
        current = _found(connection, access, alert_id)
        wanted = _changed(current, body)
        if "destinations" in body or "destination_id" in body:
            _check_destinations(connection, access, wanted.config)
        kept = rules.change(connection, current, wanted, counted, services.now())
        access.record(
            connection, "updated", "Alert", kept.id, name=kept.name, before=_told(current), after=_told(kept)
        )
        return _shown_all(connection, access, [kept])[0]

    return await services.state.write(work)


@router.delete("/{alert_id}", status_code=204)
async def remove_alert(alert_id: Identity, access: Writing) -> Response:
    """Remove an alert. Its open incidents are withdrawn, and nobody is told."""

    def work(connection: Connection) -> None:
        found = _found(connection, access, alert_id)
        rules.remove(connection, found, access.services.now())
        access.record(connection, "deleted", "Alert", found.id, name=found.name, before=_told(found))

    await access.services.state.write(work)
    return Response(status_code=204)


@router.post("/{alert_id}/test")
async def test_alert(alert_id: Identity, access: Writing) -> dict[str, Any]:
    """Tell everybody whom an alert tells that this is a test, and say what came of it.

    Mails are sent at once, and tried once. Destinations get the event ``$alert_test`` like any other; its deliveries tell the rest.
    """
    services, now = access.services, access.services.now()
    limit = throttle.Limit(throttle.key("alert test", str(access.project.id)), TESTS, TESTS_WINDOW_MS)

    def work(connection: Connection) -> tuple[News, dict[bytes, Target]]:
        found = _found(connection, access, alert_id)
        throttle.take(connection, [limit], now)
        reading = Reading("", found.name, False, f"This is what the alert {found.name} looks like.")
        news = News("test", found, reading, services.random(16), now, now)
        send_event(connection, news, services.log.partitions)
        access.record(connection, "tested", "Alert", found.id, name=found.name)
        return news, _targets(connection, access, found.config.destinations)

    news, targets = await services.state.write(work)
    services.changed()
    mails = [_try_mail(access, news, recipient) for recipient in news.rule.config.emails]
    return {
        "event_uuid": news.identity,
        "destinations": [_told_to(targets, identity) for identity in news.rule.config.destinations],
        "emails": list(await asyncio.gather(*mails)),
    }


async def _try_mail(access: Access, news: News, recipient: str) -> dict[str, Any]:
    services = access.services
    text = (
        f"{news.title}.\nIt belongs to the project {access.project.name} at {services.settings.base_url}.\n"
    )
    mail = Mail(services.random(16), recipient, f"[Hedgerow] {news.title}", text, "", news.at)
    try:
        if services.post is None:
            raise MailError(NO_MAIL)  # noqa: TRY301 - told like a server's no
        message: EmailMessage = mail.message(services.post)
        await services.post.send(message, recipient)
    except MailError as error:
        return {"recipient": recipient, "sent": False, "error": str(error)}
    return {"recipient": recipient, "sent": True, "error": ""}


def _told_to(targets: Mapping[bytes, Target], identity: str) -> dict[str, Any]:
    problem = _problem_of(targets, identity)
    return {"destination_id": identity, "sent": not problem, "error": problem}


# -------------------------------------------------------------------- parts

NO_MAIL: Final = "There is no mail on this server: whoever runs it sets HEDGEROW_SMTP_HOST."


def _known(body: dict[str, Any]) -> dict[str, Any]:
    for name in body:
        if name not in KNOWN:
            raise Invalid("There is no such field.", attr=name)
    return body


def _enabled(body: Mapping[str, Any], *, default: bool) -> bool:
    value = body.get("enabled", default)
    if not isinstance(value, bool):
        raise Invalid("Must be true or false.", attr="enabled")
    return value


def _changed(before: Rule, body: Mapping[str, Any]) -> Rule:
    """A rule with what was sent. Its kind stays: another kind is another rule."""
    if body.get("kind", before.kind) != before.kind:
        raise Invalid(f"Stays {before.kind}: make another alert instead.", attr="kind")
    try:
        config = parsed(before.kind, body, before.config)
        name = name_of(body["name"]) if "name" in body else before.name
    except AlertError as error:
        raise _invalid(error) from error
    return replace(before, name=name, enabled=_enabled(body, default=before.enabled), config=config)


async def _totals(access: Access, config: Config) -> rules.Totals:
    """What happened so far, for rules that count."""
    if config.window_s is None:
        return {}
    return await access.services.telemetry.read(lambda c: totals(c, [access.project.id]))


def _check_recipients(access: Access, emails: Sequence[str] | set[str]) -> None:
    """Whether the operator lets mails go there."""
    if emails and access.services.post is None:
        raise Invalid(NO_MAIL, attr="emails")
    allowed = {one.lower() for one in access.services.settings.smtp_recipients}
    for email in sorted(emails):
        if allowed and email.lower() not in allowed and f"@{email.lower().rpartition('@')[2]}" not in allowed:
            raise Invalid(
                f"Alerts may not be mailed to {email}; see HEDGEROW_SMTP_RECIPIENTS.", attr="emails"
            )


def _check_destinations(connection: Connection, access: Access, config: Config) -> None:
    watched = [config.destination_id] if config.destination_id else []
    targets = _targets(connection, access, [*watched, *config.destinations])
    for name, ids in (("destination_id", watched), ("destinations", config.destinations)):
        for identity in ids:
            found = targets.get(uuid.UUID(identity).bytes)
            if found is None or found.type not in RUNNABLE_TYPES:
                raise Invalid(f"There is no destination {identity} in this project.", attr=name)
    if config.destination_id in config.destinations:
        raise Invalid("A destination is not told about itself: choose another.", attr="destinations")


def _targets(connection: Connection, access: Access, ids: Sequence[str]) -> dict[bytes, Target]:
    wanted = orjson.dumps([uuid.UUID(identity).hex for identity in ids]).decode()
    rows = connection.execute(DESTINATIONS, (access.project.id, wanted))
    return {identity: Target(name, kind, bool(enabled)) for identity, name, kind, enabled in rows}


def _problem_of(targets: Mapping[bytes, Target], identity: str) -> str:
    """Why a destination is not told; empty when it is."""
    found = targets.get(uuid.UUID(identity).bytes)
    if found is None:
        return f"The destination {identity} was deleted."
    if not found.enabled:
        return f"The destination {found.name} is switched off."
    return ""


def _problems(access: Access, rule: Rule, targets: Mapping[bytes, Target]) -> list[str]:
    """Why somebody is not told whom a rule is to tell."""
    found = [_problem_of(targets, identity) for identity in rule.config.destinations]
    if rule.config.emails and access.services.post is None:
        found.append(NO_MAIL)
    return [problem for problem in found if problem]


def _found(connection: Connection, access: Access, identity: int) -> Rule:
    found = rules.get(connection, access.project.id, identity)
    if found is None:
        raise NotFound("There is no such alert in this project.")
    return found


def _incident(connection: Connection, access: Access, identity: str) -> Incident:
    found = incidents.get(connection, access.project.id, id_bytes(identity))
    if found is None:
        raise NotFound("There is no such incident in this project.")
    return found


def _shown_all(connection: Connection, access: Access, found: Sequence[Rule]) -> list[dict[str, Any]]:
    open_ = incidents.open_by_rule(connection, access.project.id)
    ids = [identity for rule in found for identity in rule.config.destinations]
    targets = _targets(connection, access, ids)
    return [
        {
            **_told(rule),
            "open_incidents": open_.get(rule.id, 0),
            "problems": _problems(access, rule, targets),
            "created_at": iso(rule.created_at),
            "updated_at": iso(rule.updated_at),
            "created_by": _maker(connection, rule),
        }
        for rule in found
    ]


def _maker(connection: Connection, rule: Rule) -> dict[str, Any] | None:
    maker = get_user(connection, rule.created_by) if rule.created_by is not None else None
    return user_summary(maker) if maker else None


def _told(rule: Rule) -> dict[str, Any]:
    """A rule as people wrote it."""
    config = rule.config
    return {
        "id": rule.id,
        "name": rule.name,
        "kind": rule.kind,
        "enabled": rule.enabled,
        **{name: getattr(config, name) for name in CONDITION},
        "calm_s": config.calm_s,
        "remind_s": config.remind_s,
        "destinations": list(config.destinations),
        "emails": list(config.emails),
    }


def _shown_incidents(connection: Connection, found: Sequence[Incident]) -> list[dict[str, Any]]:
    mails = incidents.mails(connection, found) if found else {}
    return [_shown_incident(one, mails.get(one.id, [])) for one in found]


def _shown_incident(one: Incident, mails: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "id": one.uuid,
        "alert": {"id": one.rule_id, "name": one.rule_name, "kind": one.kind},
        "state": "open" if one.resolved_at is None else "resolved",
        "subject": one.subject or None,
        "subject_name": one.subject_name,
        "text": one.opening["text"],
        "value": one.opening["value"],
        "evidence": one.opening["evidence"],
        "opened_at": iso(one.opened_at),
        "resolved_at": _moment(one.resolved_at),
        "resolution": one.resolution,
        "resolution_text": one.ending["text"] if one.ending else None,
        "acknowledged_at": _moment(one.acknowledged_at),
        "acknowledged_by": one.acknowledged_by,
        "mails": [
            {
                "recipient": mail["recipient"],
                "subject": mail["subject"],
                "created_at": iso(mail["created_at"]),
                "sent_at": _moment(mail["sent_at"]),
                "next_try_at": _moment(mail["next_at"]),
                "attempts": mail["attempts"],
                "error": mail["error"],
            }
            for mail in mails
        ],
    }


def _moment(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)


def _invalid(error: AlertError) -> Invalid:
    return Invalid(str(error), attr=error.field or None)
