"""Every knob of Hedgerow in one place: its name, its default, its unit and why it is what it is.

A setting is read from the environment as ``HEDGEROW_<NAME>``. The command line offers the few that people change by hand; it
hands them on to the processes it starts through the same variables. ``hedgerow settings`` prints this file as a table.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "HEDGEROW_"
OF_COMMANDS = frozenset({"HEDGEROW_POSTHOG_KEY"})
"""Variables that single commands read; they are no settings of an instance."""
MOST_BY_DEFAULT = 4
"""Worker processes that are started unasked, however many cores there are."""
MEGABYTE = 1024 * 1024
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(Exception):
    """A setting cannot be used. The message names the variable and says what it should look like."""


def _split(value: Any) -> Any:
    """``a, b`` from the environment means the list ``[a, b]``."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _network(value: Any) -> Any:
    """A CIDR block; a lone address means just that address, and host bits are no reason to refuse."""
    return ipaddress.ip_network(value, strict=False) if isinstance(value, str) else value


Texts: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Networks: TypeAlias = Annotated[
    tuple[Annotated[Network, BeforeValidator(_network)], ...], NoDecode, BeforeValidator(_split)
]


def knob(default: Any, why: str, *, unit: str = "", **bounds: Any) -> Any:
    """Declare a setting.

    Args:
        default: its value when nothing is said.
        why: what it does and the reason for the default, for the reader of ``hedgerow settings``.
        unit: what a number counts.
        bounds: limits of the value, as pydantic names them (``ge``, ``le``).
    """
    return Field(default, description=why, json_schema_extra={"unit": unit}, **bounds)


class Settings(BaseSettings):
    """All settings of one instance, checked once at the start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    # ------------------------------------------------------------ where it runs

    host: str = knob(
        "127.0.0.1",
        "Address to listen on. Only this machine by default; 0.0.0.0 opens it to the network.",
    )
    port: int = knob(8000, "Port to listen on.", ge=1, le=65535)
    public_url: str = knob(
        "",
        "What links in events, persons and messages start with. Empty: http://<host>:<port>. Set it behind a proxy.",
    )
    trusted_proxies: Networks = knob(
        (),
        "Comma-separated addresses or CIDR blocks whose X-Forwarded-For is believed. Nobody by default: "
        "anybody could invent the address of an event's sender.",
    )
    data_dir: Path = knob(
        Path("hedgerow-data"), "Folder that holds everything: events, state, keys. Made at the first start."
    )
    workers: int = knob(
        0,
        "Worker processes that deliver events; 0: one for each processor core, up to four. One keeps up with two thousand events "
        "a second and more.",
        ge=0,
        le=64,
    )
    log_level: str = knob(
        "info", "How much the server says on its standard error: debug, info, warning, error."
    )
    log_format: str = knob(
        "text",
        "How it says it: text for people, json for programs: one object per line with time, level, logger, message, process "
        "and the values that the message names.",
    )

    # -------------------------------------------------------------- who may come in

    project_token: str = knob(
        "",
        "Fixed token (phc_...) of the first project, for automation. Empty: a random one is made and printed.",
    )
    api_key: SecretStr = knob(
        SecretStr(""),
        "Fixed personal API key (phx_...), for automation; the commands use it too. Empty: a random one is made, "
        "printed once and kept for this machine's owner in <data_dir>/api.key.",
    )
    secret_keys: SecretStr = knob(
        SecretStr(""),
        "Comma-separated keys that encrypt secret inputs; the first encrypts, all decrypt. "
        "Empty: one is made in <data_dir>/secrets.key.",
    )
    secrets_env_prefix: Texts = knob(
        ("DESTINATION_{project}_",),
        'Comma-separated beginnings of the environment variables that inputs may come from ({"from_env": ...}); {project} is '
        "the project's id. Whoever edits a destination can send such a variable anywhere. Empty: none. Never HEDGEROW_*.",
    )
    secrets_folder: str = knob(
        "",
        'Folder of the files that inputs may come from ({"from_file": ...}), read when a delivery needs them; {project} in it '
        "is the project's id. Empty: none.",
    )
    session_hours: int = knob(
        14 * 24, "How long somebody stays logged in at a browser.", unit="h", ge=1, le=24 * 366
    )
    link_hours: int = knob(
        72,
        "How long an invitation or a link for a new password is good; each works once.",
        unit="h",
        ge=1,
        le=24 * 31,
    )
    login_tries: int = knob(
        10,
        "Wrong passwords or codes for one account within login_window_s, after which it answers 429 until that is over.",
        ge=1,
    )
    login_address_tries: int = knob(
        100,
        "The same for one address, whatever the accounts. More: behind a proxy that is not in trusted_proxies, everybody "
        "has the same.",
        ge=1,
    )
    login_window_s: float = knob(900.0, "How long failed logins are counted.", unit="s", gt=0)
    url: str = knob("", "Where the commands find the server. Empty: http://<host>:<port>.")

    # ------------------------------------------------------------------- event log

    partitions: int = knob(
        16,
        "Parts of the event log, the most workers that can share the work. Fixed when the data folder is made: "
        "events of one person must stay in one part.",
        ge=1,
        le=1024,
    )
    log_retention_hours: int = knob(
        7 * 24,
        "How long delivered events stay readable in the log, for replay and for looking.",
        unit="h",
        ge=1,
    )
    log_max_bytes: int = knob(
        50 * 1024 * MEGABYTE,
        "Size of the log from which the oldest delivered events are deleted before their time; 0: no limit.",
        unit="bytes",
        ge=0,
    )
    backlog_limit_bytes: int = knob(
        10 * 1024 * MEGABYTE,
        "Events waiting for the workers from which capture answers 503, before they fill the disk; 0: no limit.",
        unit="bytes",
        ge=0,
    )
    backlog_limit_s: float = knob(
        0.0,
        "Age of the oldest waiting event from which capture answers 503; 0: no limit, since late is better than never.",
        unit="s",
        ge=0,
    )
    disk_reserve_bytes: int = knob(
        512 * MEGABYTE,
        "Free disk space below which capture answers 503: better refuse an event than acknowledge what cannot be kept.",
        unit="bytes",
        ge=0,
    )

    # --------------------------------------------------------------------- capture

    max_body_bytes: int = knob(
        20 * MEGABYTE, "Largest body of a capture request, after decompression. SDKs halve a batch on 413.",
        unit="bytes", ge=1024,
    )  # fmt: skip
    max_event_bytes: int = knob(
        MEGABYTE, "Largest single event. The SDKs keep below 900 KiB by themselves.", unit="bytes", ge=1024
    )
    max_ai_event_bytes: int = knob(
        8 * MEGABYTE,
        "Largest event on the paths for language models (/i/v0/ai): prompts and answers are long.",
        unit="bytes",
        ge=1024,
    )
    body_timeout_s: float = knob(
        30.0, "How long a client may take to send its request: slow ones must not hold places for ever.",
        unit="s", gt=0,
    )  # fmt: skip
    dedupe_window_hours: int = knob(
        24,
        "How long an event's uuid is remembered: a re-sent event within it is traced as a duplicate, not delivered again.",
        unit="h",
        ge=0,
    )

    # -------------------------------------------------------------------- delivery

    egress_allow: Networks = knob(
        (),
        "Comma-separated CIDR blocks that deliveries may reach although they are private, loopback or reserved. "
        "None by default: whoever may edit a destination must not reach the network behind the server.",
    )
    fetch_timeout_s: float = knob(
        10.0, "Whole time of one HTTP call of a destination.", unit="s", gt=0, le=300
    )
    connect_timeout_s: float = knob(
        3.0, "Time until the connection of an HTTP call stands.", unit="s", gt=0, le=60
    )
    max_response_bytes: int = knob(
        MEGABYTE, "How much of a response is read; the rest is cut off.", unit="bytes", ge=1024
    )
    lane_places: int = knob(
        64, "Deliveries of one destination that run at a time in a worker, at most; its answers say how many really.",
        ge=1, le=1024,
    )  # fmt: skip
    host_rates: Texts = knob(
        (),
        "Comma-separated hosts and the requests per second that all destinations together may send there, like "
        "api.example.com=10. None by default: each destination may have a limit of its own.",
    )
    retries: int = knob(
        3, "Tries after the first one, for timeouts, connection errors, 408, 429 and 5xx.", ge=0, le=50
    )
    helpers: int = knob(
        2,
        "Helper processes of each worker, for Hog that takes longer than 5 ms. They start when they are needed; about 50 MB each.",
        ge=1,
        le=16,
    )
    max_fetches: int = knob(
        2,
        "HTTP calls one run of a destination may make. Templates that need more say so, and the owner of a destination may "
        "allow it more.",
        ge=1,
        le=100,
    )
    hog_cpu_ms: float = knob(
        500.0, "CPU time of one run of a Hog program, over all its parts.", unit="ms", ge=10, le=10_000
    )
    hog_memory: int = knob(
        64 * MEGABYTE,
        "Memory that the values of one run may take.",
        unit="bytes",
        ge=MEGABYTE,
        le=256 * MEGABYTE,
    )
    hog_depth: int = knob(1000, "Calls of Hog functions that may nest.", ge=10, le=1000)
    hog_string: int = knob(4_000_000, "Characters of one text.", ge=10_000, le=16_000_000)
    hog_items: int = knob(100_000, "Entries of one array or object.", ge=1000, le=1_000_000)
    hog_json_depth: int = knob(
        200,
        "How deep values may nest that are read from JSON, copied, printed or written as JSON.",
        ge=10,
        le=200,
    )
    hog_log_lines: int = knob(
        24, "Lines that one run may print; the rest is dropped, and a note says so.", ge=1, le=1000
    )
    hog_log_length: int = knob(10_000, "Characters that are kept of one printed line.", ge=100, le=100_000)

    # ---------------------------------------------------------------------- health

    health_window_s: float = knob(
        300.0, "How far back the results count that a destination is judged by.", unit="s", gt=0
    )
    health_least_results: int = knob(
        20, "With fewer results in that time a destination is not judged: chance would decide.", ge=1
    )
    health_failure_share: float = knob(
        0.5,
        "Share of results that failed (no answer, 5xx, errors of the program; never 4xx) from which a destination is ill.",
        gt=0,
        le=1,
    )
    health_uncaught_share: float = knob(0.5, "The same for uncaught errors of its program alone.", gt=0, le=1)
    health_slow_share: float = knob(
        0.1,
        "Share of calls that took more than 80 % of fetch_timeout_s from which a destination is ill: "
        "0.1 looks at the 90th percentile.",
        gt=0,
        le=1,
    )
    health_patience_s: float = knob(
        600.0,
        "How long a degraded destination may stay ill before it is quarantined. Its owner is warned half-way.",
        unit="s",
        gt=0,
    )
    health_probe_delays_s: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...], NoDecode, BeforeValidator(_split)
    ] = knob(
        (60.0, 300.0, 900.0),
        "Comma-separated waits before a quarantined destination is tried with one held delivery; the last one repeats.",
        unit="s",
        min_length=1,
    )
    health_quarantines: int = knob(
        3, "The quarantine of this number within 24 hours disables a destination until somebody acts.", ge=1
    )
    health_hopeless_hours: float = knob(
        24.0,
        "How long the probes of one quarantine may fail until the destination is disabled. Its owner is warned half-way.",
        unit="h",
        gt=0,
    )

    # --------------------------------------------------------- accounts at vendors

    slack_client_id: str = knob(
        "",
        "Client id of your own Slack app, by which people connect workspaces with a click. Empty: by bot token only.",
    )
    slack_client_secret: SecretStr = knob(SecretStr(""), "Its client secret.")
    hubspot_client_id: str = knob("", "Client id of your own HubSpot app. Empty: private apps' tokens only.")
    hubspot_client_secret: SecretStr = knob(SecretStr(""), "Its client secret.")
    intercom_client_id: str = knob("", "Client id of your own Intercom app. Empty: access tokens only.")
    intercom_client_secret: SecretStr = knob(SecretStr(""), "Its client secret.")

    # ------------------------------------------------------------------------ hold

    hold_max_deliveries: int = knob(
        1_000_000,
        "Deliveries that a paused or quarantined destination holds; past it the oldest expire. "
        "Owners are warned at 50 and 80 % of each bound.",
        ge=1,
    )
    hold_max_age_hours: float = knob(
        7 * 24.0, "How long a delivery is held, counted from its capture.", unit="h", gt=0
    )
    hold_disk_share: float = knob(
        0.2, "Share of the data folder's disk that everything held may take together.", gt=0, le=1
    )
    hold_drain_per_second: float = knob(
        100.0,
        "Held deliveries a second that a destination gets once it takes them again, unless a resume says otherwise: "
        "a tool that was down should not be run over.",
        unit="/s",
        gt=0,
    )

    # --------------------------------------------------------------------- alerts

    alerts_every_s: float = knob(
        10.0, "How often the rules of alerts are looked at.", unit="s", gt=0, le=3600
    )
    alerts_mail_gap_s: float = knob(
        60.0,
        "Mails of one alert to one recipient are so far apart at least: what happens in between is in the next one.",
        unit="s",
        ge=0,
        le=86_400,
    )
    smtp_host: str = knob(
        "",
        "Mail server that takes the mails of alerts; it may be a private address. Empty: there are no mails.",
    )
    smtp_port: int = knob(0, "Its port; 0: 587 for starttls, 465 for tls, 25 for none.", ge=0, le=65535)
    smtp_security: str = knob(
        "starttls",
        "How the connection is encrypted: starttls, tls from the first byte on, or none. Certificates are checked; "
        "SSL_CERT_FILE names a file with authorities of your own.",
    )
    smtp_username: str = knob("", "Whom to log in as. Empty: without logging in.")
    smtp_password: SecretStr = knob(
        SecretStr(""), "The password; it is never sent without encryption, nor shown."
    )
    smtp_from: str = knob("", "Address that mails are from. Empty: hedgerow@<smtp_host>.")
    smtp_timeout_s: float = knob(10.0, "Patience for each answer of the mail server.", unit="s", gt=0, le=60)
    smtp_recipients: Texts = knob(
        (),
        "Comma-separated addresses, or domains with an @ like @example.com, that alerts may be mailed to. Empty: all, since whoever "
        "edits alerts is trusted not to bother strangers.",
    )

    # --------------------------------------------------------------- what is kept

    deliveries_retention_days: int = knob(
        30, "How long finished deliveries stay in the ledger.", unit="days", ge=1
    )
    logs_retention_days: int = knob(14, "How long log lines of destinations are kept.", unit="days", ge=1)
    metrics_retention_days: int = knob(
        400, "How long hourly counts are kept: a year can be compared with the last.", unit="days", ge=1
    )
    audit_retention_days: int = knob(
        1095, "How long the audit log keeps who changed what.", unit="days", ge=1
    )
    definitions_retention_days: int = knob(
        90,
        "How long names of events and properties are offered that are not seen any more.",
        unit="days",
        ge=1,
    )

    # -------------------------------------------------------------------- the host

    shutdown_s: float = knob(
        10.0, "How long the processes get to finish after SIGTERM before they are killed.", unit="s", gt=0
    )
    ready_lag_s: float = knob(
        300.0,
        "Age of the oldest unsettled event from which /_health/ready reports trouble.",
        unit="s",
        gt=0,
    )

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("must be one of debug, info, warning, error")
        return value.lower()

    @field_validator("smtp_security")
    @classmethod
    def _known_security(cls, value: str) -> str:
        if value.lower() not in {"starttls", "tls", "none"}:
            raise ValueError("must be one of starttls, tls, none")
        return value.lower()

    @field_validator("smtp_from")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", value):
            raise ValueError("must be a plain address like alerts@example.com")
        return value

    @field_validator("smtp_username")
    @classmethod
    def _no_password_in_the_clear(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("smtp_security") == "none":
            raise ValueError(f"a login needs encryption: set {variable('smtp_security')} to starttls or tls")
        return value

    @field_validator("log_format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        if value.lower() not in {"text", "json"}:
            raise ValueError("must be text or json")
        return value.lower()

    @field_validator("host_rates")
    @classmethod
    def _known_rates(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            host, _, rate = item.partition("=")
            if not host.strip() or not re.fullmatch(r"\s*(?=.*[1-9])\d{1,6}(\.\d{1,6})?\s*", rate):
                raise ValueError(f"{item!r} must be a host with requests per second, like api.example.com=10")
        return value

    @field_validator("public_url", "url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @property
    def worker_processes(self) -> int:
        """How many processes deliver."""
        return self.workers or min(MOST_BY_DEFAULT, os.cpu_count() or 1)

    @property
    def local_url(self) -> str:
        """The address at which this machine reaches the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What links start with: the public URL, or the local one."""
        return self.public_url or self.local_url

    @property
    def client_url(self) -> str:
        """Where the commands look for the server."""
        return self.url or self.local_url


@dataclass(frozen=True, slots=True)
class Described:
    """One setting as ``hedgerow settings`` shows it."""

    variable: str
    value: str
    default: str
    unit: str
    why: str


def load(**given: Any) -> Settings:
    """The settings of this process: arguments first, then the environment, then defaults.

    Args:
        given: values from the command line; None means not given.

    Raises:
        SettingsError: a value cannot be used.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{variable(name)} cannot be {first['input']!r}: {reason}.") from error


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def environment(settings: Settings) -> dict[str, str]:
    """The settings that differ from the defaults, as variables for a child process."""
    return {
        variable(name): _text(getattr(settings, name), reveal=True)
        for name in sorted(settings.model_fields_set)
    }


def describe(settings: Settings) -> Iterator[Described]:
    """Every setting with its value, default and reason; secrets stay hidden."""
    for name, info in Settings.model_fields.items():
        extra = info.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        value, default = _text(getattr(settings, name)), _text(info.default)
        yield Described(variable(name), value, default, unit, info.description or "")


def misspelt(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like settings but are none, each with the nearest real name or an empty text."""
    known = {variable(name) for name in Settings.model_fields} | OF_COMMANDS
    unknown = [name for name in environ if name.startswith(PREFIX) and name not in known]
    return {name: next(iter(get_close_matches(name, known, 1, 0.75)), "") for name in unknown}


def _text(value: Any, *, reveal: bool = False) -> str:
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return secret if reveal or not secret else "(hidden)"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)
