"""What ``serve`` says when it is up."""

from __future__ import annotations

from hedgerow.serve.first_run import Instance
from hedgerow.settings import Settings

FIRST = """
Hedgerow is running.

  URL            {url}
  Project token  {token}
  API key        {key}
  Data folder    {folder}

The key is shown this once. On this machine the commands find it in {key_file}.

Send an event (pip install posthog):

  from posthog import Posthog

  posthog = Posthog("{token}", host="{url}")
  posthog.capture("signed_up", distinct_id="ada", properties={{"plan": "free"}})
  posthog.shutdown()

Deliver it somewhere: hedgerow apply -f destinations.yaml (see README.md). Stop with Ctrl-C.
"""

LATER = """
Hedgerow is running at {url} (project token {token}, data in {folder}). Stop with Ctrl-C.
"""


def banner(settings: Settings, instance: Instance) -> str:
    """Few lines at the first start, one later."""
    form = FIRST if instance.key else LATER
    return form.format(
        url=settings.base_url,
        token=instance.project.token,
        key=instance.key,
        folder=instance.key_file.parent,
        key_file=instance.key_file,
    )
