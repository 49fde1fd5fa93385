"""``/api/projects/:id/integrations/``: accounts at vendors, and ``/integrations/:kind/callback``, where vendors send people back to.

Shapes, kinds and errors are PostHog's; ``kinds``, and tokens instead of consent, are ours.
"""

from __future__ import annotations

import html
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import UploadFile

from hedgerow.accounts import audit
from hedgerow.accounts.actors import Actor
from hedgerow.accounts.roles import Role
from hedgerow.accounts.users import get_user
from hedgerow.api.access import Access, Identity, identify, json_fields, needs, services_of
from hedgerow.api.errors import ApiError, Forbidden, Invalid, NotAuthenticated, NotFound
from hedgerow.api.links import HEADERS
from hedgerow.api.paging import page
from hedgerow.api.people import user_summary
from hedgerow.api.services import Services
from hedgerow.api.times import iso
from hedgerow.integrations import accounts, consent
from hedgerow.integrations.accounts import Account
from hedgerow.integrations.consent import Begun
from hedgerow.integrations.errors import IntegrationError
from hedgerow.integrations.kinds import Kind
from hedgerow.integrations.vendors import Grant
from hedgerow.store import Connection

router = APIRouter(prefix="/api/projects/{project_id}/integrations")
coming_back = APIRouter(include_in_schema=False)

Reading = Annotated[Access, Depends(needs("integration:read"))]
Writing = Annotated[Access, Depends(needs("integration:write"))]
SCOPE = "integration:write"
LARGEST_KEY = 64 * 1024


@router.get("")
async def list_integrations(request: Request, access: Reading) -> dict[str, Any]:
    """The connected accounts, the oldest first; ``kind`` chooses. Tokens are never shown."""
    kind = request.query_params.get("kind", "")

    def work(connection: Connection) -> list[dict[str, Any]]:
        return [_shown(connection, item) for item in accounts.listed(connection, access.project.id, kind)]

    return page(request, await access.services.state.read(work))


@router.get("/kinds")
async def kinds(access: Reading) -> list[dict[str, Any]]:
    """What can be connected here, and how: ``oauth`` once the operator has an application there, ``token``, ``service_account``."""
    hub = access.services.hub
    return [
        {"kind": kind.name, "label": kind.label, "connect": hub.vendors.ways(kind), "token_label": kind.token_label or None}
        for kind in hub.vendors.kinds.values()
    ]  # fmt: skip


@router.get("/authorize", status_code=302)
async def authorize(request: Request, access: Writing) -> Response:
    """Begin to connect an account of a ``kind``: leads to the vendor's page, which leads back here and then to ``next``.

    Whoever asks for JSON (``Accept: application/json``) gets the address as ``url``.
    """
    after = request.query_params.get("next", "")
    if after and (not after.startswith("/") or after.startswith(("//", "/\\"))):
        raise Invalid("Must be a path on this server.", attr="next")
    try:
        url = await _begin(access, request.query_params.get("kind"), after)
    except IntegrationError as error:
        raise _invalid(error) from error
    if "application/json" in request.headers.get("accept", ""):
        return Response(orjson.dumps({"url": url}), media_type="application/json")
    return Response(status_code=302, headers={"location": url, "cache-control": "no-store"})


async def _begin(access: Access, name: object, after: str) -> str:
    services = access.services
    kind = services.hub.vendors.kind(name)
    services.hub.vendors.oauth(kind)  # fails before anything is noted
    begun = Begun(access.project.id, kind.name, access.actor.user_id, consent.new_verifier(), after)
    state = await services.state.write(
        lambda connection: consent.begin(connection, begun, keyring=services.keyring, now=services.now())
    )
    return services.hub.page(kind, state, begun.verifier)


@router.post("", status_code=201)
async def create(request: Request, access: Writing) -> dict[str, Any]:
    """Connect an account.

    With ``code`` and ``state`` of a consent in ``config``, with an ``access_token`` made at the vendor, or with
    the ``key`` of a service account, as JSON in ``config`` or as an uploaded file.
    """
    fields = await _fields(request)
    config = fields.get("config") or {}
    if not isinstance(config, dict):
        raise Invalid("Invalid data. Expected a dictionary.", attr="config")
    hub = access.services.hub
    try:
        kind = hub.vendors.kind(fields.get("kind"))
        if "code" in config:
            begun = await _ended(
                access.services, access.actor, config.get("state"), kind.name, access.project.id
            )
            grant = await hub.agreed(begun, config["code"])
        else:
            grant = await hub.given(kind, config)
    except IntegrationError as error:
        raise _invalid(error) from error
    return await _kept(access, kind, grant)


@router.get("/{integration_id}")
async def retrieve(integration_id: Identity, access: Reading) -> dict[str, Any]:
    """One account."""

    def work(connection: Connection) -> dict[str, Any]:
        return _shown(connection, _found(connection, access, integration_id))

    return await access.services.state.read(work)


@router.delete("/{integration_id}", status_code=204)
async def remove(integration_id: Identity, access: Writing) -> Response:
    """Disconnect an account: its tokens are forgotten. Destinations that use it fail with a clear error from now on."""

    def work(connection: Connection) -> None:
        found = _found(connection, access, integration_id)
        accounts.remove(connection, access.project.id, integration_id)
        access.record(
            connection, "deleted", "Integration", integration_id, name=found.name, before=_told(found)
        )

    await access.services.state.write(work)
    access.services.changed()
    return Response(status_code=204)


@router.get("/{integration_id}/channels")
async def channels(integration_id: Identity, request: Request, access: Reading) -> dict[str, Any]:
    """The channels of a Slack workspace: ``search`` in their names, ``channel_id`` for one, ``force_refresh`` to ask Slack anew."""
    services, query = access.services, request.query_params

    def work(connection: Connection) -> tuple[Account, dict[str, Any]]:
        account = _found(connection, access, integration_id)
        return account, accounts.secrets_of(connection, integration_id, services.keyring)

    account, secrets = await services.state.read(work)
    if account.kind != "slack":
        raise Invalid("Only Slack workspaces have channels.", attr="integration_id")
    try:
        listed = await services.hub.choices.channels(
            services.hub.vendors.transport, account.id, str(secrets.get("access_token", "")), now=services.now(),
            fresh=query.get("force_refresh") == "true",
        )  # fmt: skip
    except IntegrationError as error:
        raise _invalid(error) from error
    wanted, one = query.get("search", "").lower().lstrip("#"), query.get("channel_id")
    found = [c for c in listed.items if wanted in c["name"].lower() and one in (None, c["id"])]
    paged = page(request, found)
    return {"channels": paged["results"], "count": paged["count"], "lastRefreshedAt": iso(listed.at)}


# ------------------------------------------------------------- coming back


@coming_back.get("/integrations/{kind}/callback")
async def callback(kind: str, request: Request) -> Response:
    """Where a vendor sends people back to: only whoever began the connection, in the same browser, can end it."""
    services, query = services_of(request), request.query_params
    try:
        actor = await identify(request)
    except NotAuthenticated:
        return _said(401, "Finish this in the place where you began it", _FINISH)
    try:
        if query.get("error"):
            raise IntegrationError(f"The vendor says: {query.get('error_description') or query['error']}")  # noqa: TRY301
        begun = await _ended(services, actor, query.get("state"), kind)
        grant = await services.hub.agreed(begun, query.get("code"))
        account = await services.state.write(lambda c: _put(services, actor, c, begun, grant))
    except IntegrationError as error:
        return _said(400, "Not connected", str(error))
    except ApiError as error:
        return _said(error.status, "Not connected", error.detail)
    services.changed()
    if begun.next:
        return Response(status_code=302, headers={"location": begun.next})
    label = services.hub.vendors.kind(kind).label
    return _said(
        200, f"{label} is connected", f"{account.name} is number {account.id} among your integrations."
    )


_FINISH = (
    "You are not logged in here. Copy the address of this page and give it to the command that you began with, "
    "or log in at /login and begin again."
)


def _said(status: int, title: str, text: str) -> Response:
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Hedgerow</title>'
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"
    )
    return Response(page, status, HEADERS, media_type="text/html")


# -------------------------------------------------------------------- parts


async def _fields(request: Request) -> dict[str, Any]:
    """The body: JSON, or a form with the file ``key``."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await json_fields(request)
    async with request.form(max_files=1, max_fields=5, max_part_size=LARGEST_KEY) as form:
        file = form.get("key")
        if not isinstance(file, UploadFile):
            raise Invalid("Upload the JSON key of the service account as a file called key.", attr="key")
        text = await file.read(LARGEST_KEY + 1)
        kind = form.get("kind")
    try:
        key = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid("The file is not the JSON key of a service account.", attr="key") from error
    return {"kind": kind, "config": {"key": key}}


async def _ended(
    services: Services, actor: Actor, state: object, kind: str, project_id: int | None = None
) -> Begun:
    begun = await services.state.write(
        lambda c: consent.finish(c, state, actor.user_id, keyring=services.keyring, now=services.now())
    )
    if begun.kind != kind:
        raise IntegrationError(f"This connection was begun for {begun.kind}.", field="state")
    if project_id not in (None, begun.project_id):
        raise IntegrationError("This connection was begun in another project.", field="state")
    return begun


def _put(services: Services, actor: Actor, connection: Connection, begun: Begun, grant: Grant) -> Account:
    """Keep an account on behalf of somebody who came back: they must still be allowed to."""
    role = actor.role_in(begun.project_id)
    if role is None or role < Role.EDITOR or not actor.allows(SCOPE):
        raise Forbidden("This needs the role of editor in the project.")
    account = accounts.put(
        connection, begun.project_id, begun.kind, grant,
        keyring=services.keyring, user_id=actor.user_id, now=services.now(),
    )  # fmt: skip
    audit.record(
        connection, actor, services.now(), activity="created", scope="Integration", item_id=account.id,
        item_name=account.name, project_id=begun.project_id, after=_told(account), secrets=("access_token",),
    )  # fmt: skip
    return account


async def _kept(access: Access, kind: Kind, grant: Grant) -> dict[str, Any]:
    begun = Begun(access.project.id, kind.name, access.actor.user_id, "", "")

    def work(connection: Connection) -> dict[str, Any]:
        return _shown(connection, _put(access.services, access.actor, connection, begun, grant))

    shown = await access.services.state.write(work)
    access.services.changed()
    return shown


def _found(connection: Connection, access: Access, number: int) -> Account:
    found = accounts.get(connection, access.project.id, number)
    if found is None:
        raise NotFound("There is no such integration in this project.")
    return found


def _shown(connection: Connection, item: Account) -> dict[str, Any]:
    maker = get_user(connection, item.created_by) if item.created_by is not None else None
    return {
        "id": item.id,
        "kind": item.kind,
        "config": item.config,
        "display_name": item.name,
        "errors": item.errors,
        "failures": item.failures,
        "created_at": iso(item.created_at),
        "created_by": user_summary(maker) if maker else None,
        "expires_at": None if item.expires_at is None else iso(item.expires_at),
        "refreshed_at": None if item.refreshed_at is None else iso(item.refreshed_at),
    }


def _told(item: Account) -> dict[str, Any]:
    return {"kind": item.kind, "name": item.name, "account": item.external_id}


def _invalid(error: IntegrationError) -> Invalid:
    return Invalid(str(error), attr=error.field or None)
