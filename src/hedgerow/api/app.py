"""The API as one ASGI application."""

from __future__ import annotations

from fastapi import FastAPI

import hedgerow
from hedgerow.api import (
    account_errors,
    alerts,
    all_runs,
    audit,
    backtests,
    configuration,
    definitions,
    deliveries,
    docs,
    drafts,
    entrance,
    events,
    explain,
    hog_function_templates,
    hog_functions,
    holds,
    ingestion_warnings,
    integrations,
    invocations,
    keys,
    links,
    members,
    organizations,
    persons,
    projects,
    query,
    replays,
    reruns,
    revisions,
    sessions,
    tail,
    telemetry,
    ticks,
    traces,
    users,
    vocabulary,
)
from hedgerow.api.bounds import Bounds
from hedgerow.api.errors import Json, install
from hedgerow.api.services import Services

ROUTERS = (
    projects.router, projects.of_project, members.router, audit.of_project, audit.router, sessions.router, users.router,
    keys.router, entrance.router, organizations.router,
    hog_functions.router, revisions.router, drafts.router, holds.router, telemetry.router, hog_function_templates.router, reruns.router,
    deliveries.router,
    definitions.router, configuration.router, tail.router, events.router, persons.router, ingestion_warnings.router, links.router, docs.router,
    vocabulary.router, query.router, invocations.router, explain.router,
    replays.router, ticks.router, all_runs.router, traces.router, backtests.router, integrations.router, integrations.coming_back,
    alerts.router,
)  # fmt: skip


def create_app(services: Services) -> Bounds:
    """The application, its paths and bodies brought into bounds.

    Args:
        services: what it works with; opened and closed by the caller.
    """
    app = FastAPI(
        title="Hedgerow",
        version=hedgerow.__version__,
        default_response_class=Json,
        openapi_url=None,  # see docs.py: the document is our own, and so are its pages
        redirect_slashes=False,
    )
    app.state.services, app.state.contract = services, docs.Contract(ROUTERS)
    app.state.routers = ROUTERS
    install(app)
    account_errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return Bounds(app, timeout=services.settings.body_timeout_s)
