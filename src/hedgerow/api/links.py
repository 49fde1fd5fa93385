"""``/project/...``: where the links in events, persons and messages lead.

They show what the API says about the thing. The page itself knows nothing: it fetches with the session of whoever is logged in,
or asks for a key and keeps that in the tab. So a link in a chat message gives nothing away to those who have no key.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Hedgerow</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
  pre { background: #f5f5f2; padding: 1rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
  input { font: inherit; width: 28rem; max-width: 100%; } #problem { color: #a00; }
</style>
<h1>Hedgerow</h1>
<form id="ask" hidden><label>API key (phx_...) <input id="key" type="password" autocomplete="off"></label>
<button>Show</button> or <a href="/login">log in</a></form>
<p id="problem" role="alert"></p><pre id="thing" hidden></pre>
<script src="/project.js"></script>
"""

SCRIPT = """const at = location.pathname.replace(/\\/+$/, '').split('/').slice(2);
const [project, kind, ...rest] = at;
const base = '/api/projects/' + project + '/';
const address = {
  events: () => base + 'events/' + rest[0] + '/',
  person: () => base + 'persons/?distinct_id=' + rest.join('/'),
  persons: () => base + 'persons/' + rest[0] + '/',
  groups: () => base + 'groups/' + rest[0] + '/' + rest.slice(1).join('/') + '/',
  functions: () => base + 'hog_functions/' + rest[0] + '/',
}[kind] ?? (() => base);
const [ask, field, problem, thing] = ['ask', 'key', 'problem', 'thing'].map((id) => document.getElementById(id));
async function show() {
  const key = sessionStorage.getItem('key');
  const answer = await fetch(address(), key ? { headers: { Authorization: 'Bearer ' + key } } : {});
  const body = await answer.json(), known = answer.status !== 401;
  problem.textContent = answer.ok || !(known || key) ? '' : body.detail;
  thing.hidden = !answer.ok;
  thing.textContent = JSON.stringify(body, null, 2);
  ask.hidden = known;
  if (!known) { sessionStorage.removeItem('key'); field.focus(); }
}
ask.addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('key', field.value.trim());
  show();
});
show();
"""


@router.get("/")
async def root() -> Response:
    """A word for whoever opens the address in a browser."""
    return Response(
        "Hedgerow is running. Its API is below /api/, the README shows how to begin.\n",
        media_type="text/plain",
    )


@router.get("/project/{rest:path}")
async def page(rest: str) -> Response:  # noqa: ARG001 - the script reads the address
    """The page for any link."""
    return Response(PAGE, media_type="text/html", headers=HEADERS)


@router.get("/project.js")
async def script() -> Response:
    """What the page runs."""
    return Response(SCRIPT, media_type="text/javascript", headers={"cache-control": "no-cache"})
