"""What ``serve`` says when it is up."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from hedgerow.serve.first_run import Instance
from hedgerow.settings import Settings

FIRST = """
Hedgerow is running.

  URL            {url}
  Project token  {token}
  API key        {key}
  First owner    {invitation}
  Data folder    {folder}

The key is shown this once. On this machine the commands find it in {key_file}.
The link makes the first owner's account. It works once.

Send an event (pip install posthog):

  from posthog import Posthog

  posthog = Posthog("{token}", host="{url}")
  posthog.capture("signed_up", distinct_id="ada", properties={{"plan": "free"}})
  posthog.shutdown()

Deliver it somewhere: {command} apply -f destinations.yaml (see README.md). Stop with Ctrl-C.
"""

LATER = """
Hedgerow is running at {url} (project token {token}, data in {folder}). Stop with Ctrl-C.
"""

# As long as nobody has an account; each start makes another link.
UNOWNED = """
Nobody has an account yet. Make the first owner's (the link works once): {invitation}
"""


def banner(settings: Settings, instance: Instance) -> str:
    """Few lines at the first start, one later, one more as long as there is no owner."""
    later = f"{LATER}{UNOWNED.lstrip()}" if instance.invitation else LATER
    form = FIRST if instance.key else later
    return form.format(
        url=settings.base_url,
        token=instance.project.token,
        key=instance.key,
        folder=short(instance.key_file.parent),
        key_file=short(instance.key_file),
        command=own_command(),
        invitation=f"{settings.base_url}/join#{instance.invitation}",
    )


def short(path: Path) -> str:
    """A path as one would type it here: relative when it is below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def own_command() -> str:
    """How this program is called from here: by its name where the shell finds it."""
    found = Path(sys.argv[0])
    return "hedgerow" if shutil.which("hedgerow") or not found.is_file() else short(found.absolute())
