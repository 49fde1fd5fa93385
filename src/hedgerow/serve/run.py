"""The command ``serve`` from beginning to end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys

from hedgerow.accounts import MalformedCredential, TokenTaken
from hedgerow.destinations.errors import SecretsError
from hedgerow.serve.banner import banner
from hedgerow.serve.first_run import Instance, prepare
from hedgerow.serve.folder import DataFolder, FolderError
from hedgerow.serve.logs import log_to_stderr
from hedgerow.serve.supervisor import PortTaken, Supervisor, listen
from hedgerow.settings import Settings
from hedgerow.store import StoreError

logger = logging.getLogger(__name__)

# Whatever an instance writes is its owner's alone.
PRIVATE = 0o077


class CannotServe(Exception):
    """The server cannot start. The message says what to do about it."""


def serve(settings: Settings) -> int:
    """Run an instance until it is stopped.

    Args:
        settings: all settings.

    Returns:
        The exit status.

    Raises:
        CannotServe: it did not start.
    """
    log_to_stderr("supervisor", settings.log_level, settings.log_format)
    os.umask(PRIVATE)
    try:
        folder = DataFolder(settings.data_dir)
        listener = listen(settings.host, settings.port)
        instance = prepare(settings, folder.path)
    except (FolderError, PortTaken, MalformedCredential, TokenTaken, SecretsError, StoreError) as error:
        raise CannotServe(str(error)) from error
    try:
        return asyncio.run(_supervise(settings, listener, instance))
    finally:
        listener.close()
        folder.close()


async def _supervise(settings: Settings, listener: socket.socket, instance: Instance) -> int:
    def greet() -> None:
        sys.stdout.write(banner(settings, instance))
        sys.stdout.flush()
        if instance.standby:
            logger.warning("standing by: nothing is sent until 'hedgerow standby off'")

    return await Supervisor(settings, listener, instance.partitions, on_up=greet).run()
