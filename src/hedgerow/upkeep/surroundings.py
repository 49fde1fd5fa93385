"""What is around an instance: its settings, its port, the network, the limits of its processes."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hedgerow.alerts.errors import MailError
from hedgerow.alerts.smtp import Post
from hedgerow.delivery.egress import EgressPolicy
from hedgerow.settings import Settings, misspelt
from hedgerow.upkeep.doctor import Check, Finding, Patient
from hedgerow.upkeep.snapshot import opened

ENOUGH_FILES: Final = 4096
LEAST_FILES: Final = 1024
LOOK_UP_S: Final = 5.0
HOSTS: Final = 5
# Addresses that no destination may reach unless the operator says so.
FORBIDDEN: Final = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00:ec2::254")
EVERYTHING: Final = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
METADATA: Final = "169.254.169.254"
RECENT: Final = "SELECT url FROM delivery_attempts ORDER BY delivery_id DESC LIMIT 200"


def settings(patient: Patient) -> Iterator[Finding]:
    """Names that are none, and values that go badly together."""
    chosen = patient.settings
    wrong = misspelt(os.environ)
    for name, meant in wrong.items():
        advice = f"Did you mean {meant}?" if meant else "'hedgerow settings' lists those that there are."
        yield Finding("settings", "warning", f"{name} is set, but is no setting.", advice)
    if _is_open(chosen) and not chosen.public_url:
        yield Finding(
            "settings", "warning", f"The server listens on {chosen.host}, but links begin with {chosen.base_url}.",
            "Set HEDGEROW_PUBLIC_URL to the address by which people reach it.",
        )  # fmt: skip
    if chosen.public_url.startswith("http://") and _is_open(chosen):
        yield Finding(
            "settings", "warning", "People reach the server without encryption: keys and passwords can be read on the way.",
            "Put a proxy with TLS in front, and let HEDGEROW_PUBLIC_URL begin with https://.",
        )  # fmt: skip
    if not wrong:
        changed = len(chosen.model_fields_set)
        yield Finding(
            "settings",
            "ok",
            f"{changed} of them differ from their defaults." if changed else "All are the defaults.",
        )


def _is_open(chosen: Settings) -> bool:
    return chosen.host not in {"127.0.0.1", "localhost", "::1", "[::1]"}


def port(patient: Patient) -> Iterator[Finding]:
    """Whether the server has its port, or could have it."""
    chosen = patient.settings
    where = f"{chosen.host}:{chosen.port}"
    if patient.pid is not None:
        if _answers(chosen):
            yield Finding("port", "ok", f"The server answers at {chosen.local_url}.")
        else:
            yield Finding(
                "port", "trouble", f"A server has the data folder, but nothing answers at {chosen.local_url}.",
                "Is HEDGEROW_PORT here the one that it was started with? Otherwise see its log.",
            )  # fmt: skip
        return
    try:
        family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
        socket.create_server((chosen.host.strip("[]"), chosen.port), family=family).close()
    except OSError as error:
        yield Finding(
            "port", "trouble", f"{where} cannot be listened on: {error.strerror or error}.",
            "End the program that has it, or choose another with HEDGEROW_PORT.",
        )  # fmt: skip
    else:
        yield Finding("port", "ok", f"{where} is free.")


def _answers(chosen: Settings) -> bool:
    parts = urlsplit(chosen.local_url)
    try:
        socket.create_connection((parts.hostname, parts.port), LOOK_UP_S).close()
    except OSError:
        return False
    return True


def egress(patient: Patient) -> Iterator[Finding]:
    """What the guard of deliveries lets through."""
    allow = patient.settings.egress_allow
    policy = EgressPolicy(allow)
    let_through = [address for address in FORBIDDEN if policy.allows(address)]
    if any(network in EVERYTHING for network in allow) or METADATA in let_through:
        yield Finding(
            "egress", "warning",
            f"HEDGEROW_EGRESS_ALLOW lets deliveries reach {METADATA}, where clouds hand out credentials.",
            "Name only the networks that destinations need.",
        )  # fmt: skip
    elif allow:
        networks = ", ".join(map(str, allow))
        yield Finding("egress", "ok", f"The guard stands; private networks that you allow: {networks}.")
    else:
        yield Finding("egress", "ok", "The guard stands: no private address can be reached.")


def names(patient: Patient) -> Iterator[Finding]:
    """Whether the hosts that were sent to lately can be looked up."""
    hosts = _recent_hosts(patient)
    if not hosts:
        yield Finding("names", "ok", "No host was sent to yet that could be looked up.")
        return
    pool = ThreadPoolExecutor(len(hosts), thread_name_prefix="names")
    asked = {host: pool.submit(socket.getaddrinfo, host, None) for host in hosts}
    failed = []
    for host, answer in asked.items():
        try:
            answer.result(LOOK_UP_S)
        except (OSError, UnicodeError, TooLate) as error:
            failed.append(f"{host} ({str(error) or 'no answer in time'})")
    pool.shutdown(wait=False, cancel_futures=True)
    if failed:
        yield Finding(
            "names", "warning", f"Of {len(hosts)} hosts that were sent to lately, these cannot be looked up: {', '.join(failed)}.",
            "Look at /etc/resolv.conf, the name server, and whether the host still exists.",
        )  # fmt: skip
    else:
        yield Finding(
            "names", "ok", f"The {len(hosts)} host{'s' * (len(hosts) > 1)} sent to lately can be looked up."
        )


def _recent_hosts(patient: Patient) -> list[str]:
    if not patient.is_made:
        return []
    with opened(patient.folder / "state.db") as connection:
        found = [urlsplit(str(url)).hostname for (url,) in connection.execute(RECENT)]
    return [host for host in dict.fromkeys(found) if host and not _is_address(host)][:HOSTS]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def limits(patient: Patient) -> Iterator[Finding]:
    """How many files and connections the processes may have open."""
    limit = _files_of(patient.pid) if patient.pid else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    whose = "The server" if patient.pid else "A server started here"
    if limit is None:
        return
    told = "any number of" if limit == resource.RLIM_INFINITY else f"{limit:,}"
    if limit == resource.RLIM_INFINITY or limit >= ENOUGH_FILES:
        yield Finding("open files", "ok", f"{whose} may open {told} files.")
        return
    yield Finding(
        "open files", "warning" if limit >= LEAST_FILES else "trouble", f"{whose} may open only {told} files and connections.",
        f"Raise it to {ENOUGH_FILES} or more: LimitNOFILE= in a systemd unit, or ulimit -n.",
    )  # fmt: skip


def _files_of(pid: int) -> int | None:
    """The limit of a process; None when this system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/limits").read_text("ascii").splitlines()
    except OSError:
        return None
    found = next((line.split()[3] for line in lines if line.startswith("Max open files")), "")
    return int(found) if found.isdigit() else resource.RLIM_INFINITY


def mail(patient: Patient) -> Iterator[Finding]:
    """Whether mails of alerts would go out."""
    post = Post.of(patient.settings)
    if post is None:
        yield Finding("mail", "ok", "No mail server is set up; alerts go to destinations only.")
        return
    try:
        post.greet()
    except MailError as error:
        yield Finding(
            "mail", "trouble", f"Mails of alerts do not go out: {error}", "Look at the settings HEDGEROW_SMTP_… and that server."
        )  # fmt: skip
    else:
        whom = " and the login" if post.username else ""
        yield Finding("mail", "ok", f"{post.host}:{post.port} takes the connection{whom}.")


CHECKS: Final[tuple[Check, ...]] = (settings, port, egress, names, mail, limits)
