"""``python -m hedgerow.delivery.sandbox_child``: a helper process, which runs the Hog that takes long or takes risks.

It has a socket to its parent and nothing else: no store, no keys, no network of its own to use. It holds one run at a time;
between two parts of it the parent carries out what the program asked for. A program that takes it down takes nothing down
with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from hedgerow import hog
from hedgerow.delivery.outgoing import keys_of, measure, plain, shaped
from hedgerow.delivery.sandbox_wire import HEADER, error_out, pack
from hedgerow.delivery.state import dumps, loads
from hedgerow.destinations import CompiledDestination, DestinationError, Keyring
from hedgerow.destinations.explanation import explain_match
from hedgerow.destinations.globals import FilterGlobals
from hedgerow.destinations.portable import unpack as unpack_destination

COMPILED: Final = 64
NICENESS: Final = 5
"""A helper computes, its worker answers: who answers goes first."""
SENSITIVE_NODES: Final = 20_000
LONGEST_KEY: Final = 4096
TRACED_STEPS: Final = 2_000
LONGEST_LINE: Final = 200
FAT_KB: Final = 300 * 1024
"""A process that was ever larger than this does not run another program: its memory may be in shreds."""
PR_SET_PDEATHSIG: Final = 1

Message = dict[str, Any]


class Channel:
    """The parent's end is somebody else's business; this is ours."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._read = link.makefile("rb")

    def receive(self) -> Message | None:
        """The next message; None when the parent is gone."""
        header = self._read.read(HEADER.size)
        if len(header) < HEADER.size:
            return None
        message: Message = loads(self._read.read(HEADER.unpack(header)[0]))
        return message

    def send(self, kind: str, **rest: Any) -> None:
        """Say something."""
        self._link.sendall(pack({"is": kind, **rest}))


class Clock:
    """The parent's clock, as it goes on from its last word."""

    def __init__(self) -> None:
        self.set(0.0)

    def set(self, now: float, *, still: bool = False) -> None:
        """The parent says what time it is, and whether it stays that."""
        self._offset = now - time.perf_counter()
        self._still = now if still else None

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._offset + time.perf_counter() if self._still is None else self._still


class Helper:
    """Does what the parent asks for."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._clock = Clock()
        self._run: hog.Execution | None = None
        self._inputs: Mapping[str, Any] = {}
        self._tasks: dict[str, Callable[[Message], None]] = {
            "run": self._start,
            "answer": self._answer,
            "match": self._match,
            "keys": self._keys,
            "matches": self._matches,
            "explain": self._explain,
            "trace": self._trace,
        }

    def serve(self) -> None:
        """Work until the parent is gone, or until this process is too fat to go on."""
        self._channel.send("ready")
        while (message := self._channel.receive()) is not None and not self._is_fat():
            self._clock.set(message["now"], still=message.get("still") is True)
            self._do(message)

    def _is_fat(self) -> bool:
        return self._run is None and peak_kb() > FAT_KB

    def _do(self, message: Message) -> None:
        try:
            self._tasks[message["do"]](message)
        except (hog.HogError, DestinationError) as error:
            self._fail(error)
        except MemoryError:
            self._fail(hog.HogMemoryLimit("The helper process ran out of memory"))
        except RecursionError:
            self._fail(hog.HogDepthLimit("A value nests too deeply"))

    def _fail(self, error: hog.HogError | DestinationError) -> None:
        used = self._run.cpu_ms if self._run else 0.0
        self._run = None
        # After it ran out of memory this process may have none left for the next program, which is innocent.
        worn = isinstance(error, hog.HogMemoryLimit | hog.HogInternalError)
        self._end("error", worn=worn, error=error_out(error), cpu_ms=used)

    def _end(self, kind: str, *, worn: bool = False, **rest: Any) -> None:
        self._channel.send(kind, last=worn or peak_kb() > FAT_KB, **rest)

    # -------------------------------------------------------------- programs

    def _start(self, message: Message) -> None:
        self._run = None
        compiled = _compiled(dumps(message["destination"]))
        program = compiled.program
        host = self._host(message)
        self._channel.send("begun")
        values = message["globals"]
        if message["render"]:
            values["inputs"] = inputs = compiled.render(values, message["mapping"], host)
            self._channel.send("rendered", inputs=_shown(compiled, inputs, message["show"]))
        self._inputs = values["inputs"]
        self._run = program.start(values, host)
        self._go_on(self._run)

    def _answer(self, message: Message) -> None:
        if self._run is None:
            raise hog.HogInternalError("There is no run to go on with")
        self._channel.send("begun")
        self._run.answer(message["result"])
        self._go_on(self._run)

    def _go_on(self, run: hog.Execution) -> None:
        step = run.advance()
        if isinstance(step, hog.Finished):
            self._run = None
            value = plain(step.value) if measure(step.value, SENSITIVE_NODES) else None
            self._end("finished", value=value, cpu_ms=run.cpu_ms)
            return
        call = shaped(step)
        if keys := keys_of(call, self._inputs):
            self._channel.send("rendered", inputs=keys)
        self._channel.send(
            "call",
            name=call.name,
            args=call.args,
            site=call.site,
            ordinal=call.ordinal,
            clock=run.readings,
            printed=run.printed,
            cpu_ms=run.cpu_ms,
        )

    def _trace(self, message: Message) -> None:
        self._run = None
        compiled = _compiled(dumps(message["destination"]))
        host = self._host(message)
        host.emit = lambda _line: None
        self._channel.send("begun")
        source, values = compiled.destination.config.hog, message["globals"]
        values["inputs"] = compiled.render(values, message["mapping"], host)
        trace = hog.trace_program(source, values, host, _unanswered)
        self._end("traced", trace=_traced(trace, source), cpu_ms=0.0)

    def _host(self, message: Message) -> hog.Host:
        return hog.Host(
            now=self._clock.now,
            seed=bytes.fromhex(message["seed"]),
            emit=lambda line: self._channel.send("printed", line=line),
            limits=hog.Limits(**message["limits"]),
            journal=[
                hog.JournalEntry(site, n, result, tuple(clock))
                for site, n, result, clock in message["journal"]
            ],
            printed=message["printed"],
        )

    # --------------------------------------------------------------- matching

    def _match(self, message: Message) -> None:
        self._run = None
        compiled = _compiled(dumps(message["destination"]))
        host = self._host(message)
        self._channel.send("begun")
        began = time.thread_time()
        mappings = compiled.match(FilterGlobals(message["globals"]), host, stream=compiled.stream)
        self._end("matched", mappings=mappings, cpu_ms=(time.thread_time() - began) * 1000)

    def _matches(self, message: Message) -> None:
        self._run = None
        compiled = _compiled(dumps(message["destination"]))
        host = self._host(message)
        self._channel.send("begun")
        each = [_wanted(compiled, FilterGlobals(found), host) for found in message["found"]]
        self._end("matched", each=each, cpu_ms=0.0)

    def _explain(self, message: Message) -> None:
        self._run = None
        compiled = _compiled(dumps(message["destination"]))
        host = self._host(message)
        self._channel.send("begun")
        found = FilterGlobals(message["globals"])
        explained = explain_match(compiled, found, host, stream=message["stream"])
        self._end("explained", explanation=explained, cpu_ms=0.0)

    def _keys(self, message: Message) -> None:
        self._run = None
        compiled = _compiled(dumps(message["destination"]))
        host = self._host(message)
        self._channel.send("begun")
        began = time.thread_time()
        values = message["globals"]
        if message["render"]:
            values["inputs"] = compiled.render(values, message["mapping"], host)
        keys = compiled.claim_keys(values, message["mapping"], host)
        self._end("keyed", keys=keys, cpu_ms=(time.thread_time() - began) * 1000)


def _wanted(compiled: CompiledDestination, found: Mapping[str, Any], host: hog.Host) -> list[str] | None:
    try:
        return compiled.match(found, host, stream=compiled.stream)
    except DestinationError:
        return None


def _unanswered(call: hog.AsyncCall) -> Any:
    """The run that is traced went no further: its journal has no answer."""
    raise hog.HogRuntimeError(f"The run ended at this {call.name}")


def _traced(trace: hog.Trace, source: str) -> dict[str, Any]:
    """A trace as plain data."""
    steps = [
        {"line": step.line, "source": _first_line(source[slice(*step.span)]), "changed": dict(step.changed)}
        for step in trace.steps[:TRACED_STEPS]
    ]
    return {
        "steps": steps,
        "complete": trace.complete and len(steps) == len(trace.steps),
        "error": str(trace.error) if trace.error else None,
    }


def _first_line(text: str) -> str:
    line, _, rest = text.partition("\n")
    return f"{line.rstrip()[:LONGEST_LINE]} ..." if rest or len(line) > LONGEST_LINE else line


def _shown(compiled: CompiledDestination, inputs: Mapping[str, Any], whole: bool) -> Any:
    """What the parent must redact, and what it may have to sign with, as plain data; or all inputs, if they are not too many."""
    if whole and measure(inputs, SENSITIVE_NODES):
        return plain(inputs)
    short = {key: text for key, text in inputs.items() if type(text) is str and len(text) <= LONGEST_KEY}
    sensitive = {**short, **compiled.sensitive(inputs)}
    if not measure(sensitive, SENSITIVE_NODES):
        raise hog.HogSizeLimit("The inputs that are secret are too large")
    return plain(sensitive)


@lru_cache(maxsize=COMPILED)
def _compiled(definition: bytes) -> CompiledDestination:
    return unpack_destination(loads(definition), _keyring())


@lru_cache(maxsize=1)
def _keyring() -> Keyring:
    """Opens nothing."""
    return Keyring([secrets.token_hex()])


def peak_kb() -> int:
    """The most memory this process ever had, in KiB.

    Linux hands ``ru_maxrss`` down from the process that started this one, however large that was: it is not asked there.
    """
    with contextlib.suppress(OSError, StopIteration), open("/proc/self/status", "rb") as status:  # noqa: PTH123
        return int(next(line for line in status if line.startswith(b"VmHWM:")).split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def confine(memory: int) -> None:
    """From now on this process can have so many more bytes, leaves no core behind and gives way to its parent."""
    with contextlib.suppress(OSError, ValueError):  # not every system can limit address space
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + memory,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICENESS)


def _address_space() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 (nothing to join)
        return int(file.read().split()[0]) * resource.getpagesize()


def die_with(parent: int) -> None:
    """End with the parent, even in the middle of a program. Where the kernel cannot see to it, the socket's end does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> int:
    """Serve one parent; it starts us with a socket's number, its process id and a number of bytes."""
    descriptor, parent, memory = map(int, sys.argv[1:4])
    die_with(parent)
    confine(memory)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        Helper(Channel(socket.socket(fileno=descriptor))).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
