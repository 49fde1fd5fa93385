"""Vendors on this machine: put this folder on a process's ``PYTHONPATH`` and name a port of loopback in ``VENDORS_PORT``.

Every host name but this machine's own leads there; certificates, paths and all that is sent stay as they are.
"""

import os
import socket

if port := os.environ.get("VENDORS_PORT"):
    real = socket.getaddrinfo
    here = {"localhost", "127.0.0.1", "::1", "", None}

    def impersonated(host, wanted, *args, **kwargs):
        if host in here:
            return real(host, wanted, *args, **kwargs)
        return real("127.0.0.1", int(port), *args, **kwargs)

    socket.getaddrinfo = impersonated
